package io.jetfire.core.internal;

import static org.assertj.core.api.Assertions.assertThat;

import io.jetfire.Experiment;
import io.jetfire.testkit.FakeDeviceFarm;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.net.URISyntaxException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import javax.tools.Diagnostic;
import javax.tools.DiagnosticCollector;
import javax.tools.JavaCompiler;
import javax.tools.JavaFileObject;
import javax.tools.SimpleJavaFileObject;
import javax.tools.ToolProvider;
import org.jspecify.annotations.NullMarked;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Compiles every example in the Javadoc of the API and of the test kit. */
class JavadocExamplesTest {
  private static final Pattern START =
      Pattern.compile("<pre>\\{@code\\s*\\n|\\{@snippet[^:\\n]*:\\s*\\n");

  /** What examples speak of without declaring it. */
  private static final String HEAD =
      """
      import io.jetfire.*;
      import io.jetfire.spi.*;
      import io.jetfire.spi.MetadataStore.*;
      import io.jetfire.testkit.*;
      import java.nio.file.Path;
      import java.time.*;
      import java.util.*;
      import java.util.stream.*;

      abstract class Examples {
        Dataset scenes, digits, train, representative;
        SsdAnchors anchors;
        Experiment experiment;
        JetFire jetfire;
        Model model;
        ModelRuntime runtime;
        List<Tensor> inputs;
        Tensor input;
        Metrics metrics, before, after;
        MetadataStore store;
        Path folder, file;
        String json, sha256;
        long trainedModelId, initNanos;
        long[] warmupNanos, inferenceNanos;
      """;

  private record Example(String place, String code) {}

  private static List<Example> examples(Path root) {
    List<Example> found = new ArrayList<>();
    try (Stream<Path> files = Files.walk(root)) {
      for (Path file : files.filter(f -> f.toString().endsWith(".java")).sorted().toList()) {
        String source = Files.readString(file);
        Matcher m = START.matcher(source);
        while (m.find()) {
          String code = source.substring(m.end(), end(source, m.end()));
          String plain =
              code.lines()
                  .map(l -> l.replaceFirst("^\\s*\\* ?", ""))
                  .collect(Collectors.joining("\n"))
                  // What an example calls My... stands for a class of the reader's.
                  .replaceAll("new My\\w+\\(\\)", "null");
          long line = source.substring(0, m.start()).lines().count();
          found.add(new Example(file.getFileName() + ":" + line, plain));
        }
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return found;
  }

  /** Where the brace that the tag opened is closed. */
  private static int end(String source, int from) {
    int depth = 1;
    for (int i = from; i < source.length(); i++) {
      depth += source.charAt(i) == '{' ? 1 : source.charAt(i) == '}' ? -1 : 0;
      if (depth == 0) {
        return i;
      }
    }
    throw new IllegalStateException("An example is not closed");
  }

  private static String location(Class<?> type) {
    try {
      URI uri = type.getProtectionDomain().getCodeSource().getLocation().toURI();
      return Path.of(uri).toString();
    } catch (URISyntaxException e) {
      throw new IllegalStateException(e);
    }
  }

  @Test
  void everyExampleCompiles(@TempDir Path output) {
    List<Example> examples = new ArrayList<>();
    for (String module : List.of("jetfire-api", "jetfire-testkit")) {
      examples.addAll(examples(Path.of("..", module, "src", "main", "java")));
    }
    StringBuilder source = new StringBuilder(HEAD);
    for (int i = 0; i < examples.size(); i++) {
      source.append("  // ").append(examples.get(i).place()).append('\n');
      source.append(String.format(Locale.ROOT, "  void example%d() throws Exception {%n", i));
      source.append(examples.get(i).code()).append("\n  }\n");
    }
    source.append("}\n");
    String text = source.toString();

    JavaCompiler compiler = Objects.requireNonNull(ToolProvider.getSystemJavaCompiler());
    DiagnosticCollector<JavaFileObject> problems = new DiagnosticCollector<>();
    TreeSet<String> classPath = new TreeSet<>();
    for (Class<?> type :
        List.of(Experiment.class, FakeDeviceFarm.class, NullMarked.class, Test.class)) {
      classPath.add(location(type));
    }
    JavaFileObject unit =
        new SimpleJavaFileObject(
            URI.create("string:///Examples.java"), JavaFileObject.Kind.SOURCE) {
          @Override
          public CharSequence getCharContent(boolean ignoreEncodingErrors) {
            return text;
          }
        };
    boolean compiled =
        compiler
            .getTask(
                null,
                compiler.getStandardFileManager(problems, Locale.ROOT, StandardCharsets.UTF_8),
                problems,
                List.of(
                    "-proc:none",
                    "-d",
                    output.toString(),
                    "-cp",
                    String.join(System.getProperty("path.separator"), classPath)),
                null,
                List.of(unit))
            .call();
    List<String> lines = text.lines().toList();
    assertThat(
            problems.getDiagnostics().stream()
                .filter(d -> d.getKind() == Diagnostic.Kind.ERROR)
                .map(
                    d ->
                        place(lines, (int) d.getLineNumber())
                            + " "
                            + d.getMessage(Locale.ROOT)
                            + " at: "
                            + lines.get((int) d.getLineNumber() - 1)))
        .isEmpty();
    assertThat(compiled).isTrue();
    // The main types have one each; fewer would mean that the search misses them.
    assertThat(examples)
        .extracting(e -> e.place().replaceFirst("\\.java:.*", ""))
        .contains(
            "Converter",
            "Dataset",
            "Delegate",
            "DeviceQuery",
            "DeviceRun",
            "Evaluation",
            "Experiment",
            "Gate",
            "JetFire",
            "Loss",
            "MetricsParser",
            "OutputDecoder",
            "Preprocessing",
            "Recipe",
            "References",
            "Report",
            "Sample",
            "SsdAnchors",
            "Statistics",
            "Tensor",
            "MetadataStore",
            "ModelRuntime",
            "BenchmarkLog",
            "FakeDeviceFarm");
  }

  private static String place(List<String> lines, int line) {
    for (int i = line - 1; i >= 0; i--) {
      if (lines.get(i).startsWith("  // ")) {
        return lines.get(i).substring(5);
      }
    }
    return "the head";
  }
}
