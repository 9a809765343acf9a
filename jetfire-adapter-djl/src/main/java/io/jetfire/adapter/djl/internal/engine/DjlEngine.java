package io.jetfire.adapter.djl.internal.engine;

import ai.djl.engine.Engine;
import io.jetfire.PlatformException;
import io.jetfire.StorageException;
import io.jetfire.spi.ProviderContext;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import java.util.function.Function;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * DJL's PyTorch engine, started so that it makes no network call.
 *
 * <p>DJL reads its settings from system properties and the environment when its classes are first
 * used, once for the JVM. So {@link #start} sets those that nobody has set: offline ({@code
 * ai.djl.offline}), no telemetry ({@code OPT_OUT_TRACKING}), the folder for the unpacked native
 * libraries ({@code DJL_CACHE_DIR}), and one thread per operation ({@code
 * ai.djl.pytorch.num_threads}), since PyTorch's threads wait for each other by spinning and become
 * up to ten times slower as soon as anything else uses a core. What the user set stays.
 */
public final class DjlEngine {
  private static final Logger LOG = LoggerFactory.getLogger(DjlEngine.class);

  /** What the unpacked libraries take, with room to spare; 452 MB were seen for Linux x64. */
  private static final long UNPACKED_BYTES = 600L << 20;

  private static final String NATIVE_LIST = "native/lib/pytorch.properties";
  private static final String THREADS = "ai.djl.pytorch.num_threads";

  private final Engine engine;

  private DjlEngine(Engine engine) {
    this.engine = engine;
  }

  /**
   * Starts the engine, or finds it started.
   *
   * @param context gives the cache folder and the settings {@code threads} (per operation) and
   *     {@code cache} (folder of the unpacked libraries)
   * @return the engine
   * @throws PlatformException if the native libraries are missing or cannot be loaded here
   * @throws StorageException if they cannot be unpacked into the cache folder
   */
  public static DjlEngine start(ProviderContext context) {
    settings(context, DjlEngine::set)
        .forEach(
            (name, value) -> {
              LOG.debug("Setting {} to {}", name, value);
              System.setProperty(name, value);
            });
    Path cache = cacheFolder();
    requireNatives(Thread.currentThread().getContextClassLoader());
    requireRoom(cache);
    // DJL looks for its engine and its libraries through the thread's loader, which in a pool of
    // somebody else's may know neither.
    Thread thread = Thread.currentThread();
    ClassLoader loader = thread.getContextClassLoader();
    try {
      if (loader == null || loader.getResource(NATIVE_LIST) == null) {
        thread.setContextClassLoader(DjlEngine.class.getClassLoader());
      }
      return new DjlEngine(Engine.getEngine("PyTorch"));
    } catch (RuntimeException | LinkageError | AssertionError e) {
      throw explain(e, cache);
    } finally {
      thread.setContextClassLoader(loader);
    }
  }

  /** What a system property or else the environment says. */
  private static @Nullable String set(String name) {
    String property = System.getProperty(name);
    return property != null ? property : System.getenv(name);
  }

  /** The system properties to set: those that neither they nor the environment have yet. */
  static Map<String, String> settings(
      ProviderContext context, Function<String, @Nullable String> set) {
    Map<String, String> settings = new TreeMap<>();
    if (set.apply("ai.djl.offline") == null && set.apply("DJL_OFFLINE") == null) {
      settings.put("ai.djl.offline", "true");
    }
    if (set.apply("OPT_OUT_TRACKING") == null) {
      settings.put("OPT_OUT_TRACKING", "true");
    }
    if (set.apply("DJL_CACHE_DIR") == null && set.apply("ENGINE_CACHE_DIR") == null) {
      Path own = context.cacheDirectory().toAbsolutePath().resolve("djl");
      settings.put("DJL_CACHE_DIR", context.configuration("cache").orElseGet(own::toString));
    }
    if (set.apply(THREADS) == null && set.apply("OMP_NUM_THREADS") == null) {
      settings.put(THREADS, context.configuration("threads").orElse("1"));
    }
    return settings;
  }

  /** The folder that DJL will take, by its own order of precedence. */
  private static Path cacheFolder() {
    for (String name : List.of("ENGINE_CACHE_DIR", "DJL_CACHE_DIR")) {
      String value = Objects.requireNonNullElse(System.getenv(name), System.getProperty(name, ""));
      if (!value.isEmpty()) {
        return Path.of(value);
      }
    }
    return Path.of(System.getProperty("user.home"), ".djl.ai");
  }

  private static void requireNatives(@Nullable ClassLoader loader) {
    ClassLoader own = Objects.requireNonNull(DjlEngine.class.getClassLoader());
    if (System.getProperty("PYTORCH_LIBRARY_PATH") == null
        && System.getenv("PYTORCH_LIBRARY_PATH") == null
        && own.getResource(NATIVE_LIST) == null
        && (loader == null || loader.getResource(NATIVE_LIST) == null)) {
      throw new PlatformException(
          "DJL's PyTorch library is not on the class path. Add the artifact"
              + " ai.djl.pytorch:pytorch-native-cpu:2.7.1 with the classifier "
              + classifier()
              + " (the library for "
              + platform()
              + ").");
    }
  }

  /** Checks before DJL does, since its own messages do not name the folder. */
  static void requireRoom(Path cache) {
    try {
      Files.createDirectories(cache);
      Path probe = Files.createTempFile(cache, "probe", ".tmp");
      Files.delete(probe);
      long free = Files.getFileStore(cache).getUsableSpace();
      if (!isUnpacked(cache) && free < UNPACKED_BYTES) {
        throw new StorageException(
            "DJL unpacks its PyTorch library into "
                + cache
                + ", which needs "
                + (UNPACKED_BYTES >> 20)
                + " MB, but "
                + (free >> 20)
                + " MB are free. "
                + MOVE_CACHE);
      }
    } catch (IOException e) {
      if (!isUnpacked(cache)) {
        throw new StorageException(
            "DJL unpacks its PyTorch library into "
                + cache
                + ", where nothing can be written ("
                + e
                + "). "
                + MOVE_CACHE,
            e);
      }
    }
  }

  private static final String MOVE_CACHE =
      "Free space, or name another folder in the setting jetfire.djl.cache or the environment"
          + " variable DJL_CACHE_DIR.";

  private static boolean isUnpacked(Path cache) {
    try (Stream<Path> files = Files.walk(cache, 3)) {
      return files.anyMatch(f -> f.endsWith(System.mapLibraryName("torch")));
    } catch (IOException | UncheckedIOException e) {
      return false;
    }
  }

  /** Says what went wrong underneath, and what the platform must have. */
  static PlatformException explain(Throwable error, Path cache) {
    Throwable root = error;
    while (root.getCause() != null) {
      root = root.getCause();
    }
    return new PlatformException(
        "DJL's PyTorch library cannot be loaded on "
            + platform()
            + ": "
            + root
            + ". It needs Linux x64 or arm64 with glibc 2.28 or newer (not musl, so not Alpine),"
            + " macOS arm64, or Windows x64, and the artifact"
            + " ai.djl.pytorch:pytorch-native-cpu:2.7.1 with the classifier "
            + classifier()
            + ". The libraries are unpacked in "
            + cache
            + "; delete that folder if they may be incomplete, and start the JVM anew.",
        error);
  }

  private static String platform() {
    return System.getProperty("os.name") + " " + System.getProperty("os.arch");
  }

  private static String classifier() {
    String os = System.getProperty("os.name").toLowerCase(Locale.ROOT);
    String arch = System.getProperty("os.arch").equals("aarch64") ? "aarch64" : "x86_64";
    return (os.startsWith("mac") ? "osx-" : os.startsWith("win") ? "win-" : "linux-") + arch;
  }

  /** The engine of DJL. */
  public Engine engine() {
    return engine;
  }

  /** DJL's and PyTorch's versions, for the record. */
  public String version() {
    return "DJL "
        + Objects.requireNonNullElse(Engine.getDjlVersion(), "unknown")
        + ", PyTorch "
        + engine.getVersion();
  }

  /** The threads that one operation uses; 0 if PyTorch chooses. */
  public int threads() {
    return Integer.getInteger(THREADS, 0);
  }
}
