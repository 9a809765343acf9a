package io.jetfire.examples;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.TimeUnit;
import java.util.jar.Attributes;
import java.util.jar.JarEntry;
import java.util.jar.JarFile;
import java.util.jar.JarOutputStream;
import java.util.jar.Manifest;
import java.util.stream.Stream;
import java.util.zip.Deflater;
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

  /** Evaluates a model on the default path, and looks for the worker processes meanwhile. */
  private static final String EVALUATION =
      """
      import io.jetfire.*;
      import io.jetfire.tflite.format.TfliteWriter;
      import io.jetfire.tflite.format.WriteOptions;
      import io.jetfire.tflite.graph.*;
      import java.nio.file.Files;
      import java.nio.file.Path;
      import java.util.List;

      public class Workers {
        public static void main(String[] args) throws Exception {
          Path folder = Files.createDirectories(Path.of(args[0]));
          Graph graph = Graph.create();
          Subgraph main = graph.addSubgraph("main");
          Value x = main.addInput("x", ElementType.FLOAT32, Shape.of(1, 2));
          Value y = main.addValue("y", ElementType.FLOAT32, Shape.of(1, 2));
          main.append(Op.of(OpKind.NEG).inputs(x).outputs(y));
          main.outputs(y);
          TfliteWriter.write(graph, folder.resolve("model.tflite"), WriteOptions.defaults());
          Dataset dataset = Dataset.of("two", List.of("zero", "one"), List.of(
              Sample.of("a", Tensor.ofFloats(new float[] {1, 2}, 1, 2), Target.label(0)),
              Sample.of("b", Tensor.ofFloats(new float[] {2, 1}, 1, 2), Target.label(1))));
          OutputDecoder decoder = OutputDecoder.function("scores", outputs -> {
            System.out.println("workers " + ProcessHandle.current().children().count());
            float[] v = outputs.get(0).toFloatArray();
            return new Prediction.Scores(List.of(v[0], v[1]));
          });
          try (JetFire jetfire = JetFire.builder().workDirectory(folder).build()) {
            jetfire.evaluate(
                Model.of(folder.resolve("model.tflite")), Preprocessing.none(), decoder,
                Evaluation.classification(dataset).delegates(Delegate.XNNPACK).build())
                .values().forEach(r -> System.out.println(r.metrics()));
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
  void workersStartFromTheModulePath() throws Exception {
    Path sources = Files.createDirectories(folder.resolve("workers/consumer"));
    Files.writeString(sources.resolve("Workers.java"), "package consumer;\n" + EVALUATION);
    Files.writeString(
        folder.resolve("workers/module-info.java"),
        "module consumer { requires io.jetfire.api; requires io.jetfire.tflite; }\n");
    Path classes = folder.resolve("workers-classes");
    String modulePath = join(JARS.stream().filter(j -> !ofDjl(j)).toList());
    compile(
        List.of(
            "--module-path",
            modulePath,
            "-d",
            classes.toString(),
            folder.resolve("workers/module-info.java").toString(),
            sources.resolve("Workers.java").toString()));
    assertEvaluated(
        java(
            List.of(
                "--module-path",
                modulePath + File.pathSeparator + classes,
                "--add-modules",
                "ALL-MODULE-PATH",
                "--module",
                "consumer/consumer.Workers",
                folder.resolve("workers-module-path").toString())));
  }

  /** One jar with everything in it, as the shade plugin makes it. */
  @Test
  void workersStartFromAFatJar() throws Exception {
    Path source = Files.createDirectories(folder.resolve("fat-src")).resolve("Workers.java");
    Files.writeString(source, EVALUATION);
    Path classes = folder.resolve("fat-classes");
    compile(List.of("-classpath", join(JARS), "-d", classes.toString(), source.toString()));
    Path jar = folder.resolve("fat application.jar");
    fatJar(jar, JARS.stream().filter(j -> !ofDjl(j)).toList(), classes);
    assertEvaluated(
        java(List.of("-jar", jar.toString(), folder.resolve("workers-fat-jar").toString())));
  }

  private static void assertEvaluated(String out) {
    assertThat(out).containsPattern("(?m)^workers [1-9]").contains("accuracy=1.0");
  }

  private static void fatJar(Path jar, List<Path> jars, Path classes) throws IOException {
    Manifest manifest = new Manifest();
    manifest.getMainAttributes().put(Attributes.Name.MANIFEST_VERSION, "1.0");
    manifest.getMainAttributes().put(Attributes.Name.MAIN_CLASS, "Workers");
    Map<String, StringBuilder> services = new TreeMap<>();
    Set<String> names = new TreeSet<>(List.of(JarFile.MANIFEST_NAME));
    try (JarOutputStream out = new JarOutputStream(Files.newOutputStream(jar), manifest)) {
      out.setLevel(Deflater.BEST_SPEED);
      for (Path part : jars) {
        try (JarFile in = new JarFile(part.toFile())) {
          for (JarEntry entry : Collections.list(in.entries())) {
            String name = entry.getName();
            if (name.startsWith("META-INF/services/") && !entry.isDirectory()) {
              String lines =
                  new String(in.getInputStream(entry).readAllBytes(), StandardCharsets.UTF_8);
              services.computeIfAbsent(name, n -> new StringBuilder()).append(lines).append('\n');
            } else if (!name.endsWith("module-info.class")
                && !name.matches("META-INF/.*\\.(SF|RSA|DSA)")
                && names.add(name)) {
              out.putNextEntry(new JarEntry(name));
              in.getInputStream(entry).transferTo(out);
            }
          }
        }
      }
      for (Map.Entry<String, StringBuilder> service : services.entrySet()) {
        out.putNextEntry(new JarEntry(service.getKey()));
        out.write(service.getValue().toString().getBytes(StandardCharsets.UTF_8));
      }
      try (Stream<Path> files = Files.list(classes)) {
        for (Path file : files.toList()) {
          out.putNextEntry(new JarEntry(file.getFileName().toString()));
          out.write(Files.readAllBytes(file));
        }
      }
    }
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
