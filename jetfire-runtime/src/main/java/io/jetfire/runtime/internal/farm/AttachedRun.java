package io.jetfire.runtime.internal.farm;

import io.jetfire.spi.DeviceFarm.Artifact;
import io.jetfire.spi.DeviceFarm.FarmRun;
import io.jetfire.spi.DeviceFarm.Status;
import java.nio.file.Path;
import java.util.List;

/** A run that another client or another JVM measures or measured, known by its folder. */
final class AttachedRun implements FarmRun {
  private final String id;
  private final RunFiles files;

  AttachedRun(String id, RunFiles files) {
    this.id = id;
    this.files = files;
  }

  @Override
  public String id() {
    return id;
  }

  @Override
  public Status status() {
    return files.status();
  }

  @Override
  public void cancel() {
    if (!files.status().state().ended()) {
      files.requestCancel();
    }
  }

  @Override
  public List<Artifact> artifacts() {
    return Downloads.list(files);
  }

  @Override
  public void download(Artifact artifact, Path target) {
    Downloads.copy(id, files, artifact, target);
  }
}
