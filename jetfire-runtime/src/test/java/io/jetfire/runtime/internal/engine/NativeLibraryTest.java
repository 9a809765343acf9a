package io.jetfire.runtime.internal.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.jetfire.PlatformException;
import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.bytedeco.javacpp.Loader;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Machines on which the native library cannot be loaded, each made for real around a JVM of its
 * own: the error says what is wrong and what to do next.
 */
@SuppressWarnings("NullAway.Init") // JUnit fills the folder.
final class NativeLibraryTest {
  private static final String PLATFORM = Loader.getPlatform();
  private static final String LIBRARY =
      "org/bytedeco/tensorflowlite/" + PLATFORM + "/libjnitensorflowlite.so";

  @TempDir private Path folder;

  /** What a child does: loads the library and says how that ended. */
  static final class Load {
    private Load() {}

    public static void main(String[] args) {
      PrintStream out = new PrintStream(System.out, true, StandardCharsets.UTF_8);
      try {
        out.println("LOADED " + NativeLibrary.version());
      } catch (PlatformException e) {
        out.println("REFUSED " + e.getMessage());
      }
    }
  }

  @BeforeAll
  static void linux() {
    assumeTrue(PLATFORM.startsWith("linux"), "skipped: these failures are made with Linux's means");
  }

  @Test
  void aFolderOfItsOwnWorks() throws Exception {
    assertThat(load(classPath(), cache(folder.resolve("cache")))).startsWith("LOADED 2.");
  }

  @Test
  void noFolderCanBeWritten() throws Exception {
    String said =
        load(
            classPath(),
            List.of(
                "-D" + NativeLibrary.CACHE_PROPERTY + "=/proc/jetfire",
                "-Duser.home=/proc/jetfire-home",
                "-Djava.io.tmpdir=/proc/jetfire-temporary"));
    assertThat(said)
        .startsWith("REFUSED TensorFlow Lite's native library cannot be loaded on " + PLATFORM)
        .contains("/proc/jetfire")
        .contains("Choose another folder with -Dorg.bytedeco.javacpp.cachedir=<folder>");
  }

  @Test
  void aFullFolder() throws Exception {
    Path mount = mount("size=1m");
    try {
      String said = load(classPath(), cache(mount));
      assertThat(said)
          .startsWith("REFUSED")
          .contains("the folder " + mount)
          .containsPattern("has only \\d+ kB left")
          .contains("Choose another folder with -Dorg.bytedeco.javacpp.cachedir=<folder>")
          .contains("16 MB");
    } finally {
      unmount(mount);
    }
  }

  @Test
  void aFolderWithoutTheRightToExecute() throws Exception {
    Path mount = mount("size=64m,noexec");
    try {
      assertThat(load(classPath(), cache(mount)))
          .startsWith("REFUSED")
          .contains("must not be executed")
          .contains("choose another folder with -Dorg.bytedeco.javacpp.cachedir=<folder>");
    } finally {
      unmount(mount);
    }
  }

  @Test
  void aReadOnlyFolder() throws Exception {
    Path mount = mount("size=1m,ro");
    try {
      String said =
          load(
              classPath(),
              List.of(
                  "-D" + NativeLibrary.CACHE_PROPERTY + "=" + mount,
                  "-Duser.home=" + mount,
                  "-Djava.io.tmpdir=" + mount));
      assertThat(said)
          .startsWith("REFUSED")
          .contains(mount.toString())
          .contains("Choose another folder with -Dorg.bytedeco.javacpp.cachedir=<folder>");
    } finally {
      unmount(mount);
    }
  }

  @Test
  void aPlatformThatHasNone() throws Exception {
    assertThat(load(classPath(), List.of("-Dorg.bytedeco.javacpp.platform=linux-ppc64le")))
        .startsWith("REFUSED")
        .contains("on linux-ppc64le")
        .contains("it exists for [linux-arm64, linux-x86_64,");
  }

  @Test
  void theJarOfThePlatformIsMissing() throws Exception {
    String bare =
        Arrays.stream(classPath().split(File.pathSeparator))
            .filter(entry -> !entry.endsWith("-" + PLATFORM + ".jar"))
            .collect(Collectors.joining(File.pathSeparator));
    assertThat(load(bare, cache(folder.resolve("cache"))))
        .startsWith("REFUSED")
        .contains("its jar is not on the class path")
        .contains("org.bytedeco:tensorflow-lite and org.bytedeco:javacpp with the classifier")
        .contains(PLATFORM);
  }

  /** As a disk that became full, or a JVM that was killed, may leave it. */
  @Test
  void whatWasUnpackedInPartIsUnpackedAnew() throws Exception {
    Path cache = folder.resolve("cache");
    assertThat(load(classPath(), cache(cache))).startsWith("LOADED");
    Path unpacked;
    try (Stream<Path> files = Files.walk(cache)) {
      unpacked =
          files
              .filter(f -> f.endsWith("libjnitensorflowlite.so") && Files.isRegularFile(f))
              .findFirst()
              .orElseThrow();
    }
    Files.write(unpacked, Arrays.copyOf(Files.readAllBytes(unpacked), 100_000));
    assertThat(load(classPath(), cache(cache))).startsWith("LOADED");
  }

  @Test
  void aDamagedLibrary() throws Exception {
    byte[] library = library();
    Arrays.fill(library, 0, 4096, (byte) 'x');
    assertThat(load(shadowing(library), cache(folder.resolve("cache"))))
        .startsWith("REFUSED")
        .contains("invalid ELF header")
        .contains("damaged")
        .contains("-Dorg.bytedeco.javacpp.cachedir=<folder>");
  }

  /** The dynamic linker's own refusal: the library asks for a version that no glibc has. */
  @Test
  void anOldGlibc() throws Exception {
    byte[] library = library();
    byte[] wanted = "GLIBC_2.34\0".getBytes(StandardCharsets.US_ASCII);
    byte[] future = "GLIBC_9.99\0".getBytes(StandardCharsets.US_ASCII);
    boolean found = false;
    for (int i = 0; i + wanted.length <= library.length; i++) {
      if (Arrays.equals(library, i, i + wanted.length, wanted, 0, wanted.length)) {
        System.arraycopy(future, 0, library, i, future.length);
        found = true;
      }
    }
    assumeTrue(found, "skipped: this platform's library does not ask for glibc 2.34");
    assertThat(load(shadowing(library), cache(folder.resolve("cache"))))
        .startsWith("REFUSED")
        .contains("C library is too old")
        .contains("needs glibc 2.34 or newer")
        .contains("Debian 12, Ubuntu 22.04, RHEL 9")
        .contains("GLIBC_9.99");
  }

  private static List<String> cache(Path path) throws IOException {
    Files.createDirectories(path);
    return List.of("-D" + NativeLibrary.CACHE_PROPERTY + "=" + path);
  }

  private static String classPath() {
    return System.getProperty("java.class.path");
  }

  private static byte[] library() throws IOException {
    try (InputStream in = Loader.class.getResourceAsStream("/" + LIBRARY)) {
      assumeTrue(in != null, "skipped: there is no " + LIBRARY);
      return in.readAllBytes();
    }
  }

  /** A class path whose first entry has another library. */
  private String shadowing(byte[] library) throws IOException {
    Path file = folder.resolve("other").resolve(LIBRARY);
    Files.createDirectories(file.getParent());
    Files.write(file, library);
    return folder.resolve("other") + File.pathSeparator + classPath();
  }

  /** A file system in memory; only root may mount one. */
  private Path mount(String options) throws Exception {
    Path place = Files.createDirectories(folder.resolve("mount"));
    assumeTrue(
        run(List.of("mount", "-t", "tmpfs", "-o", options, "tmpfs", place.toString())) == 0,
        "skipped: this user may not mount a file system");
    return place;
  }

  private static void unmount(Path place) throws Exception {
    assertThat(run(List.of("umount", place.toString()))).isZero();
  }

  private static int run(List<String> command) throws InterruptedException {
    try {
      Process process =
          new ProcessBuilder(command)
              .redirectErrorStream(true)
              .redirectOutput(ProcessBuilder.Redirect.DISCARD)
              .start();
      return process.waitFor();
    } catch (IOException e) {
      return -1;
    }
  }

  private String load(String classPath, List<String> options) throws Exception {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.add("-XX:TieredStopAtLevel=1");
    command.addAll(options);
    command.addAll(List.of("-cp", classPath, Load.class.getName()));
    Path output = Files.createTempFile(folder, "child", ".txt");
    Process process =
        new ProcessBuilder(command)
            .redirectErrorStream(true)
            .redirectOutput(output.toFile())
            .start();
    try {
      assertThat(process.waitFor(60, TimeUnit.SECONDS)).as("ended in time").isTrue();
    } finally {
      process.destroyForcibly();
    }
    String said = Files.readString(output);
    return said.lines()
        .filter(line -> line.startsWith("LOADED") || line.startsWith("REFUSED"))
        .findFirst()
        .orElse(said);
  }
}
