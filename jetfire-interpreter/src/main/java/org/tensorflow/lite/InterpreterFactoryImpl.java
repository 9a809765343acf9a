package org.tensorflow.lite;

import io.jetfire.runtime.internal.engine.NativeLibrary;
import java.io.File;
import java.nio.ByteBuffer;
import org.jspecify.annotations.NullMarked;
import org.jspecify.annotations.Nullable;
import org.tensorflow.lite.nnapi.NnApiDelegate;

/**
 * Makes interpreters on a plain JVM. {@link InterpreterApi#create(File, InterpreterApi.Options)}
 * finds this class by its name, as it finds Google's on a phone.
 */
@NullMarked
public final class InterpreterFactoryImpl implements InterpreterFactoryApi {

  /** Creates the factory; called by reflection. */
  public InterpreterFactoryImpl() {}

  @Override
  public InterpreterApi create(File modelFile, InterpreterApi.@Nullable Options options) {
    return HostInterpreter.of(modelFile, options);
  }

  @Override
  public InterpreterApi create(ByteBuffer byteBuffer, InterpreterApi.@Nullable Options options) {
    return HostInterpreter.of(byteBuffer, options);
  }

  @Override
  public String runtimeVersion() {
    return NativeLibrary.version();
  }

  @Override
  public String schemaVersion() {
    return "3";
  }

  @Override
  public NnApiDelegate.PrivateInterface createNnApiDelegateImpl(NnApiDelegate.Options options) {
    throw new UnsupportedOperationException(
        "NNAPI is a part of Android and does not exist on a JVM host. Leave the delegate away in"
            + " host tests; measure it on a device.");
  }
}
