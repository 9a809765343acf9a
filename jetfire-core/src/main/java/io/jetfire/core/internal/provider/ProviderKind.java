package io.jetfire.core.internal.provider;

import io.jetfire.spi.ArtifactStore;
import io.jetfire.spi.ArtifactStoreProvider;
import io.jetfire.spi.ConverterBackend;
import io.jetfire.spi.ConverterBackendProvider;
import io.jetfire.spi.DeviceFarm;
import io.jetfire.spi.DeviceFarmProvider;
import io.jetfire.spi.MetadataStore;
import io.jetfire.spi.MetadataStoreProvider;
import io.jetfire.spi.ModelRuntime;
import io.jetfire.spi.ModelRuntimeProvider;
import io.jetfire.spi.Provider;
import io.jetfire.spi.TrainingBackend;
import io.jetfire.spi.TrainingBackendProvider;
import java.util.List;
import java.util.Map;

/**
 * A kind of provider.
 *
 * @param name what people call it
 * @param service the interface that providers register under
 * @param artifacts which artifact to add for a well-known id
 * @param <T> what providers of this kind create
 */
public record ProviderKind<T>(
    String name, Class<? extends Provider<T>> service, Map<String, String> artifacts) {

  /** Training backends. */
  public static final ProviderKind<TrainingBackend> TRAINING_BACKEND =
      new ProviderKind<>(
          "training backend", TrainingBackendProvider.class, Map.of("djl", "jetfire-adapter-djl"));

  /** Converter backends. */
  public static final ProviderKind<ConverterBackend> CONVERTER_BACKEND =
      new ProviderKind<>(
          "converter backend", ConverterBackendProvider.class, Map.of("tflite", "jetfire-tflite"));

  /** Model runtimes. */
  public static final ProviderKind<ModelRuntime> MODEL_RUNTIME =
      new ProviderKind<>(
          "model runtime",
          ModelRuntimeProvider.class,
          Map.of("tflite", "jetfire-runtime", "djl", "jetfire-adapter-djl"));

  /** Device farms. */
  public static final ProviderKind<DeviceFarm> DEVICE_FARM =
      new ProviderKind<>(
          "device farm",
          DeviceFarmProvider.class,
          Map.of(
              "local", "jetfire-runtime",
              "firebase", "jetfire-adapter-firebase",
              "device-run", "jetfire-adapter-device-run",
              "aws-device-farm", "jetfire-adapter-devicefarm",
              "adb", "jetfire-adapter-adb"));

  /** Metadata stores. */
  public static final ProviderKind<MetadataStore> METADATA_STORE =
      new ProviderKind<>(
          "metadata store",
          MetadataStoreProvider.class,
          Map.of(
              "mlmd-sqlite", "jetfire-adapter-mlmd",
              "mlmd", "jetfire-adapter-mlmd",
              "memory", "jetfire-core"));

  /** Artifact stores. */
  public static final ProviderKind<ArtifactStore> ARTIFACT_STORE =
      new ProviderKind<>(
          "artifact store",
          ArtifactStoreProvider.class,
          Map.of(
              "file", "jetfire-core",
              "gs", "jetfire-adapter-firebase",
              "s3", "jetfire-adapter-devicefarm"));

  /**
   * Returns all kinds.
   *
   * @return in alphabetical order
   */
  public static List<ProviderKind<?>> all() {
    return List.of(
        ARTIFACT_STORE,
        CONVERTER_BACKEND,
        DEVICE_FARM,
        METADATA_STORE,
        MODEL_RUNTIME,
        TRAINING_BACKEND);
  }
}
