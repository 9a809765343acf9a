package io.jetfire.runtime.internal.engine;

import io.jetfire.PlatformException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.Loader;
import org.bytedeco.tensorflowlite.global.tensorflowlite;
import org.jspecify.annotations.Nullable;

/**
 * Loads TensorFlow Lite's native library, or says why this machine cannot.
 *
 * <p>JavaCPP unpacks the library from a jar into a cache folder and loads it from there, so there
 * are four ways to fail: no library exists for the platform, its jar is missing, the folder cannot
 * be written, or the system's C library is not the one it was built for.
 */
public final class NativeLibrary {
  /** Where JavaCPP unpacks libraries; this system property chooses another folder. */
  static final String CACHE_PROPERTY = "org.bytedeco.javacpp.cachedir";

  /** The platforms that org.bytedeco:tensorflow-lite 2.21.0-1.5.14 has a library for. */
  private static final Set<String> PLATFORMS =
      Set.of("linux-x86_64", "linux-arm64", "macosx-arm64", "macosx-x86_64", "windows-x86_64");

  /** The library is 12 MB; below this the unpacking is what fails. */
  private static final long SPACE_BYTES = 16L << 20;

  private NativeLibrary() {}

  /**
   * Loads the library; cheap when it is loaded.
   *
   * @throws PlatformException if it cannot be loaded, saying why and what to do
   */
  public static void load() {
    try {
      Loader.load(tensorflowlite.class);
    } catch (LinkageError | RuntimeException e) {
      throw explain(e);
    }
  }

  /** The version of TensorFlow Lite that runs, such as {@code 2.21.0}. */
  public static String version() {
    load();
    try (BytePointer version = tensorflowlite.TfLiteVersion()) {
      return version.getString();
    }
  }

  private static PlatformException explain(Throwable cause) {
    String platform = Loader.getPlatform();
    String asked = "TensorFlow Lite's native library cannot be loaded on " + platform + ": ";
    String messages = messages(cause);
    boolean jarPresent =
        tensorflowlite.class.getResource(
                "/org/bytedeco/tensorflowlite/" + platform + "/" + libraryFile(platform))
            != null;
    if (isMusl()) {
      return new PlatformException(
          asked
              + "this system uses musl as its C library, and the library needs glibc 2.34 or newer."
              + " Use an image based on glibc (for example Debian 12 instead of Alpine).",
          cause);
    }
    if (!PLATFORMS.contains(platform)) {
      return new PlatformException(
          asked + "it exists for " + new java.util.TreeSet<>(PLATFORMS) + " only.", cause);
    }
    if (messages.contains("GLIBC_") || messages.contains("GLIBCXX_")) {
      return new PlatformException(
          asked
              + "this system's C library is too old; it needs glibc 2.34 or newer and libstdc++"
              + " (Debian 12, Ubuntu 22.04, RHEL 9 or newer). The system said: "
              + reason(messages),
          cause);
    }
    if (!jarPresent) {
      return new PlatformException(
          asked
              + "its jar is not on the class path. Add org.bytedeco:tensorflow-lite and"
              + " org.bytedeco:javacpp with the classifier "
              + platform
              + ".",
          cause);
    }
    String folder = cacheProblem();
    if (folder != null) {
      return new PlatformException(
          asked
              + folder
              + " Choose another folder with -D"
              + CACHE_PROPERTY
              + "=<folder>: it must be writable, must not be mounted noexec, and needs 16 MB.",
          cause);
    }
    return new PlatformException(
        asked
            + reason(messages)
            + ". If the unpacked file is damaged or must not be executed where it lies, choose"
            + " another folder with -D"
            + CACHE_PROPERTY
            + "=<folder>.",
        cause);
  }

  private static String libraryFile(String platform) {
    if (platform.startsWith("windows")) {
      return "jnitensorflowlite.dll";
    }
    return platform.startsWith("macosx") ? "libjnitensorflowlite.dylib" : "libjnitensorflowlite.so";
  }

  /** What is wrong with the folder that JavaCPP unpacks into, or null. */
  private static @Nullable String cacheProblem() {
    Path folder;
    try {
      folder = Loader.getCacheDir().toPath();
    } catch (IOException | RuntimeException e) {
      return "no folder to unpack it into can be created or written (tried "
          + candidates()
          + "): "
          + e.getMessage()
          + ".";
    }
    String chosen = System.getProperty(CACHE_PROPERTY);
    String named =
        chosen == null || Path.of(chosen).equals(folder)
            ? "the folder " + folder
            : "the folder " + folder + " (" + chosen + " cannot be used)";
    try {
      long usable = Files.getFileStore(folder).getUsableSpace();
      if (usable < SPACE_BYTES) {
        return named + " that it is unpacked into has only " + (usable >> 10) + " kB left.";
      }
      Files.delete(Files.createTempFile(folder, "jetfire", ".tmp"));
    } catch (IOException e) {
      return named + " that it is unpacked into cannot be written: " + e + ".";
    }
    return null;
  }

  private static List<String> candidates() {
    List<String> folders = new ArrayList<>();
    String chosen = System.getProperty(CACHE_PROPERTY);
    if (chosen != null) {
      folders.add(chosen);
    }
    folders.add(System.getProperty("user.home") + "/.javacpp/cache");
    folders.add(System.getProperty("java.io.tmpdir"));
    return folders;
  }

  private static boolean isMusl() {
    if (!System.getProperty("os.name").toLowerCase(Locale.ROOT).contains("linux")) {
      return false;
    }
    try (var files = Files.newDirectoryStream(Path.of("/lib"), "ld-musl-*.so.1")) {
      // A glibc system may have musl installed beside it; the JVM itself tells which one runs.
      return files.iterator().hasNext() && !Files.exists(Path.of("/lib64/ld-linux-x86-64.so.2"));
    } catch (IOException e) {
      return false;
    }
  }

  private static String messages(Throwable error) {
    StringBuilder all = new StringBuilder();
    for (Throwable t = error; t != null && all.length() < 4000; t = t.getCause()) {
      all.append(t.getMessage()).append('\n');
    }
    return all.toString();
  }

  /**
   * What the system said. JavaCPP's outermost error only tells that the library is not in {@code
   * java.library.path} either, where nobody put it.
   */
  private static String reason(String messages) {
    return messages
        .lines()
        .filter(line -> !line.isBlank() && !line.contains("java.library.path"))
        .findFirst()
        .orElseGet(() -> messages.lines().findFirst().orElse("no reason given"));
  }
}
