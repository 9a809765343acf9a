package io.jetfire.runtime.internal.farm;

import io.jetfire.ConfigurationException;
import io.jetfire.StorageException;
import io.jetfire.spi.DeviceFarm.Artifact;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.List;

/** The files of a run as artifacts. */
final class Downloads {
  private Downloads() {}

  static List<Artifact> list(RunFiles files) {
    return Files.exists(files.log())
        ? List.of(new Artifact(RunFiles.LOG, Artifact.Kind.LOG))
        : List.of();
  }

  static void copy(String id, RunFiles files, Artifact artifact, Path target) {
    if (!list(files).contains(artifact)) {
      throw new ConfigurationException(
          "The local run " + id + " left no " + artifact.name() + "; it left " + list(files) + ".");
    }
    Path folder = target.toAbsolutePath().getParent();
    try {
      Path part = Files.createTempFile(folder, "download", ".part");
      Files.copy(files.log(), part, StandardCopyOption.REPLACE_EXISTING);
      Files.move(part, target, StandardCopyOption.ATOMIC_MOVE);
    } catch (IOException e) {
      throw new StorageException(
          "The log of the local run " + id + " cannot be copied to " + target + ": " + e + ".", e);
    }
  }
}
