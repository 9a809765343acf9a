package io.jetfire.runtime.internal.worker;

import io.jetfire.JetFireException;
import io.jetfire.PlatformException;
import java.io.IOException;
import java.io.InputStream;
import java.lang.module.ResolvedModule;
import java.net.URI;
import java.net.URL;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.security.CodeSource;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import org.bytedeco.javacpp.Loader;
import org.bytedeco.tensorflowlite.global.tensorflowlite;
import org.jspecify.annotations.Nullable;

/**
 * How to start a worker from wherever this code runs: a class path, a module path, JShell, a jar
 * with everything in it, a jar with jars in it.
 *
 * <p>{@code java.class.path} does not tell (JShell and module paths are not in it), so the code is
 * found where it was loaded from: the protection domains of classes, the places of resolved
 * modules, and the native library as a resource. It goes to the worker in an argument file, because
 * command lines are short on Windows.
 */
final class WorkerLaunch {
  private final Path folder;
  private final Set<String> classPath = new LinkedHashSet<>();
  private final Set<String> imageModules = new LinkedHashSet<>();

  private WorkerLaunch(Path folder) {
    this.folder = folder;
  }

  /**
   * Finds the code.
   *
   * @param folder an existing folder for the argument file and for jars that lie in other jars
   */
  static WorkerLaunch find(Path folder) {
    WorkerLaunch launch = new WorkerLaunch(folder);
    launch.add(WorkerMain.class);
    launch.add(JetFireException.class);
    launch.add(Loader.class);
    launch.add(tensorflowlite.class);
    String platform = Loader.getPlatform();
    launch.addNatives(Loader.class, "org/bytedeco/javacpp/" + platform + "/");
    launch.addNatives(tensorflowlite.class, "org/bytedeco/tensorflowlite/" + platform + "/");
    launch.addModules();
    return launch;
  }

  private void add(Class<?> type) {
    CodeSource source = type.getProtectionDomain().getCodeSource();
    URL location = source == null ? null : source.getLocation();
    if (location == null) {
      throw new PlatformException(
          "A worker process cannot be started: it is not known where "
              + type.getName()
              + " was loaded from. Run the model in this process instead (Isolation.IN_PROCESS), if"
              + " you trust the file.");
    }
    if (location.getProtocol().equals("jrt")) {
      imageModules.add(type.getModule().getName());
      return;
    }
    add(location);
  }

  /**
   * The jars of a platform's native library have no classes; a file in them shows where they are.
   */
  private void addNatives(Class<?> neighbour, String path) {
    for (String name :
        List.of("libjnijavacpp", "jnijavacpp", "libjnitensorflowlite", "jnitensorflowlite")) {
      for (String suffix : List.of(".so", ".dylib", ".dll")) {
        URL resource = resource(neighbour, path + name + suffix);
        if (resource != null) {
          String text = resource.toString();
          int bang = text.lastIndexOf("!/");
          try {
            if (bang >= 0) {
              add(URI.create(text.substring(text.startsWith("jar:") ? 4 : 0, bang)).toURL());
            } else if (text.endsWith(path + name + suffix)) {
              add(
                  URI.create(text.substring(0, text.length() - (path + name + suffix).length()))
                      .toURL());
            }
          } catch (IOException | IllegalArgumentException e) {
            throw new PlatformException(
                "A worker process cannot be started: the native library at "
                    + text
                    + " is in a place that another JVM cannot read: "
                    + e
                    + ".",
                e);
          }
        }
      }
    }
  }

  private static @Nullable URL resource(Class<?> neighbour, String path) {
    ClassLoader loader = neighbour.getClassLoader();
    URL found = loader == null ? null : loader.getResource(path);
    return found == null ? neighbour.getResource("/" + path) : found;
  }

  private void addModules() {
    ModuleLayer layer = WorkerLaunch.class.getModule().getLayer();
    if (layer == null) {
      return;
    }
    for (ResolvedModule module : layer.configuration().modules()) {
      if (module.name().startsWith("org.bytedeco.")) {
        module.reference().location().ifPresent(uri -> addModule(module.name(), uri));
      }
    }
  }

  private void addModule(String name, URI location) {
    if (location.getScheme().equals("jrt")) {
      imageModules.add(name);
    } else if (location.getScheme().equals("file")) {
      classPath.add(Path.of(location).toString());
    }
  }

  private void add(URL location) {
    try {
      URI uri = location.toURI();
      if ("file".equals(uri.getScheme())) {
        classPath.add(Path.of(uri).toString());
        return;
      }
    } catch (java.net.URISyntaxException e) {
      // Some loaders give addresses with blanks; those can still be read.
    }
    classPath.add(unpacked(location).toString());
  }

  /** A jar inside a jar, as application servers and Spring Boot have them. */
  private Path unpacked(URL location) {
    String name = location.toString().replaceAll("[!/]+$", "").replaceAll("^.*[/!]", "");
    Path copy = folder.resolve(name.isEmpty() ? "classes.jar" : name);
    if (!Files.exists(copy)) {
      try (InputStream in = location.openStream()) {
        Files.copy(in, copy, StandardCopyOption.REPLACE_EXISTING);
      } catch (IOException e) {
        throw new PlatformException(
            "A worker process cannot be started: "
                + location
                + " cannot be copied to "
                + folder
                + " for it: "
                + e
                + ".",
            e);
      }
    }
    return copy;
  }

  /**
   * The command line. The argument file is named by its content and never changed: another worker
   * may be reading it.
   */
  List<String> command(List<String> jvmOptions, List<String> arguments) {
    List<String> options = new ArrayList<>(jvmOptions);
    if (!imageModules.isEmpty()) {
      options.add("--add-modules");
      options.add(String.join(",", imageModules));
    }
    if (!classPath.isEmpty()) {
      options.add("-cp");
      options.add(String.join(System.getProperty("path.separator"), classPath));
    }
    options.add(WorkerMain.class.getName());
    options.addAll(arguments);
    StringBuilder text = new StringBuilder();
    for (String option : options) {
      text.append('"').append(option.replace("\\", "\\\\").replace("\"", "\\\"")).append("\"\n");
    }
    Path file =
        folder.resolve("worker-" + Integer.toHexString(text.toString().hashCode()) + ".args");
    try {
      if (!Files.exists(file)) {
        // The launcher reads argument files in the platform's own encoding.
        Path whole =
            Files.writeString(
                Files.createTempFile(folder, "worker", ".tmp"), text, nativeCharset());
        Files.move(
            whole, file, StandardCopyOption.REPLACE_EXISTING, StandardCopyOption.ATOMIC_MOVE);
      }
    } catch (IOException e) {
      throw new PlatformException(
          "A worker process cannot be started: " + file + " cannot be written: " + e + ".", e);
    }
    return List.of(java().toString(), "@" + file);
  }

  private static java.nio.charset.Charset nativeCharset() {
    String name = System.getProperty("native.encoding", "UTF-8");
    try {
      return java.nio.charset.Charset.forName(name);
    } catch (IllegalArgumentException e) {
      return StandardCharsets.UTF_8;
    }
  }

  private static Path java() {
    Path home = Path.of(System.getProperty("java.home"));
    boolean windows =
        System.getProperty("os.name", "").toLowerCase(Locale.ROOT).startsWith("windows");
    Path java = home.resolve("bin").resolve(windows ? "java.exe" : "java");
    if (!Files.isExecutable(java)) {
      throw new PlatformException(
          "A worker process cannot be started: there is no "
              + java
              + ". Run on a full Java runtime,"
              + " or run the model in this process (Isolation.IN_PROCESS), if you trust the file.");
    }
    return java;
  }
}
