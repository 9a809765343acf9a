package org.tensorflow.lite;

import java.io.File;
import java.nio.ByteBuffer;
import org.jspecify.annotations.NullMarked;
import org.jspecify.annotations.Nullable;

/**
 * Stands in for the class of that name in Android's {@code tensorflow-lite}, so that code which
 * says {@code new Interpreter(file)} runs in host tests. What it has beyond {@link InterpreterApi}
 * on a phone (signatures, cancellation) is not here.
 */
@NullMarked
public final class Interpreter extends HostInterpreter {

  /** Options with the setters of Android's class. */
  public static class Options extends InterpreterApi.Options {
    /** Creates the usual options. */
    public Options() {}

    /**
     * Copies options.
     *
     * @param options what to copy
     */
    public Options(InterpreterApi.Options options) {
      super(options);
    }

    @Override
    public Options setNumThreads(int numThreads) {
      super.setNumThreads(numThreads);
      return this;
    }

    @Override
    public Options setUseXNNPACK(boolean useXNNPACK) {
      super.setUseXNNPACK(useXNNPACK);
      return this;
    }

    @Override
    public Options setUseNNAPI(boolean useNNAPI) {
      super.setUseNNAPI(useNNAPI);
      return this;
    }

    @Override
    public Options addDelegate(Delegate delegate) {
      super.addDelegate(delegate);
      return this;
    }
  }

  /**
   * Opens a model file with the usual options.
   *
   * @param modelFile a .tflite file
   */
  public Interpreter(File modelFile) {
    this(modelFile, null);
  }

  /**
   * Opens a model file.
   *
   * @param modelFile a .tflite file
   * @param options how to run it; null for the usual options
   */
  public Interpreter(File modelFile, @Nullable Options options) {
    super(model(modelFile), options);
  }

  /**
   * Opens a model in memory with the usual options.
   *
   * @param byteBuffer a mapped file, or direct and in native byte order
   */
  public Interpreter(ByteBuffer byteBuffer) {
    this(byteBuffer, null);
  }

  /**
   * Opens a model in memory.
   *
   * @param byteBuffer a mapped file, or direct and in native byte order
   * @param options how to run it; null for the usual options
   */
  public Interpreter(ByteBuffer byteBuffer, @Nullable Options options) {
    super(model(byteBuffer), options);
  }
}
