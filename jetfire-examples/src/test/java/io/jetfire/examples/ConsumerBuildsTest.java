package io.jetfire.examples;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import javax.tools.ToolProvider;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * What a user's build sees: small programs compiled and run against JetFire's jars, on the class
 * path and on the module path, with an artifact missing.
 */
class ConsumerBuildsTest {
  private static final String PROGRAM =
      """
      import io.jetfire.*;
      import java.nio.file.Path;

      public class Consumer {
        public static void main(String[] args) {
          try (JetFire jetfire =
              JetFire.builder().workDirectory(Path.of(args[0])).build()) {
            jetfire.providers().forEach(p -> System.out.println(p.kind() + " " + p.id()));
            Dataset digits = Dataset.of("digits", java.util.List.of("zero"), java.util.List.of(
                Sample.of("a", Tensor.ofFloats(new float[] {1, 2}, 1, 2), Target.label(0))));
            System.out.println(Evaluation.classification(digits).build().fingerprint());
            if (args.length > 1) {
              jetfire.devices(args[1]).forEach(d -> System.out.println("device " + d.id()));
            }
          } catch (JetFireException e) {
            System.out.println(e.getClass().getSimpleName() + ": " + e.getMessage());
          }
        }
      }
      """;

  @TempDir static Path folder;

  private static final List<Path> JARS = new ArrayList<>();

  /** Modules of JetFire as jars where the build has made them, and what they depend on. */
  @BeforeAll
  static void jars() throws IOException {
    for (String entry : System.getProperty("java.class.path").split(File.pathSeparator)) {
      Path path = Path.of(entry).toAbsolutePath();
      if (path.toString().endsWith(".jar")) {
        JARS.add(path);
      } else if (path.endsWith("target/classes") && !path.toString().contains("jetfire-examples")) {
        try (Stream<Path> built = Files.list(path.getParent())) {
          built
              .filter(f -> f.getFileName().toString().matches("jetfire-[a-z-]+-[0-9].*\\.jar"))
              .findFirst()
              .ifPresent(JARS::add);
        }
      }
    }
    assumeTrue(
        JARS.stream().anyMatch(j -> j.getFileName().toString().startsWith("jetfire-core")),
        "skipped: JetFire's jars are not built yet; run mvn verify instead of mvn test");
  }

  @Test
  void runsOnTheClassPath() throws Exception {
    String out = onClassPath(JARS, "work-class-path", "local");
    assertThat(out)
        .contains("training backend djl")
        .contains("converter backend tflite")
        .contains("model runtime tflite")
        .contains("device farm local")
        .contains("metadata store memory")
        .contains("metadata store mlmd-sqlite")
        .containsPattern("(?m)^[0-9a-f]{64}$")
        .contains("device ");
  }

  @Test
  void runsOnTheModulePath() throws Exception {
    Path sources = Files.createDirectories(folder.resolve("module/consumer"));
    Files.writeString(sources.resolve("Consumer.java"), "package consumer;\n" + PROGRAM);
    Files.writeString(
        folder.resolve("module/module-info.java"),
        "module consumer { requires io.jetfire.api; }\n");
    Path classes = folder.resolve("module-classes");
    // What DJL brings does not resolve as modules: a native jar without a valid name, and
    // commons-compress without the commons-lang3 that it requires.
    String modulePath = join(JARS.stream().filter(j -> !ofDjl(j)).toList());
    compile(
        List.of(
            "--module-path",
            modulePath,
            "-d",
            classes.toString(),
            folder.resolve("module/module-info.java").toString(),
            sources.resolve("Consumer.java").toString()));
    String out =
        java(
            List.of(
                "--module-path",
                modulePath + File.pathSeparator + classes,
                "--add-modules",
                "ALL-MODULE-PATH",
                "--module",
                "consumer/consumer.Consumer",
                folder.resolve("work-module-path").toString(),
                "local"));
    assertThat(out)
        .contains("device farm local")
        .contains("metadata store mlmd-sqlite")
        .containsPattern("(?m)^[0-9a-f]{64}$")
        .contains("device ");
  }

  @Test
  void namesTheMissingCore() throws Exception {
    String out = onClassPath(without("jetfire-core"), "work-no-core");
    assertThat(out).contains("MissingProviderException").contains("io.jetfire:jetfire-core");
  }

  @Test
  void namesTheMissingAdapter() throws Exception {
    String out = onClassPath(without("jetfire-runtime"), "work-no-runtime", "local");
    assertThat(out)
        .contains("MissingProviderException: There is no device farm 'local'")
        .contains("Add the artifact io.jetfire:jetfire-runtime");
  }

  private static List<Path> without(String artifact) {
    return JARS.stream().filter(j -> !j.getFileName().toString().startsWith(artifact)).toList();
  }

  private static boolean ofDjl(Path jar) {
    String path = jar.toString().replace('\\', '/');
    return path.contains("/ai/djl/")
        || path.contains("jetfire-adapter-djl")
        || path.contains("/commons-");
  }

  private static String onClassPath(List<Path> jars, String work, String... farm) throws Exception {
    Path source = Files.createDirectories(folder.resolve(work + "-src")).resolve("Consumer.java");
    Files.writeString(source, PROGRAM);
    Path classes = folder.resolve(work + "-classes");
    compile(List.of("-classpath", join(JARS), "-d", classes.toString(), source.toString()));
    List<String> arguments =
        new ArrayList<>(
            List.of(
                "-classpath",
                join(jars) + File.pathSeparator + classes,
                "Consumer",
                folder.resolve(work).toString()));
    arguments.addAll(Arrays.asList(farm));
    return java(arguments);
  }

  private static String join(List<Path> jars) {
    return String.join(File.pathSeparator, jars.stream().map(Path::toString).toList());
  }

  private static void compile(List<String> arguments) {
    int result =
        ToolProvider.getSystemJavaCompiler()
            .run(null, null, null, arguments.toArray(String[]::new));
    assertThat(result).as("javac").isZero();
  }

  private static String java(List<String> arguments) throws Exception {
    List<String> command =
        new ArrayList<>(
            List.of(Path.of(System.getProperty("java.home"), "bin", "java").toString()));
    command.addAll(arguments);
    Path output = Files.createTempFile(folder, "consumer", ".txt");
    Process process =
        new ProcessBuilder(command)
            .redirectErrorStream(true)
            .redirectOutput(output.toFile())
            .start();
    try {
      assertThat(process.waitFor(60, TimeUnit.SECONDS)).as("ended in time").isTrue();
      return Files.readString(output);
    } finally {
      process.destroyForcibly();
    }
  }
}
