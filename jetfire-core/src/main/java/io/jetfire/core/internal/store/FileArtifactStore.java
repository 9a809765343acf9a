package io.jetfire.core.internal.store;

import io.jetfire.ConfigurationException;
import io.jetfire.StorageException;
import io.jetfire.spi.ArtifactStore;
import java.io.IOException;
import java.net.URI;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.Locale;
import java.util.Set;

/**
 * Keeps files in a folder. Whatever is written is written beside its place, forced to disk and
 * renamed, so that it is there as a whole or not at all.
 */
public final class FileArtifactStore implements ArtifactStore {
  private static final int LONGEST_PART = 200;

  private final Path root;

  /**
   * Creates a store; the folder is made when the first file is stored.
   *
   * @param root the folder
   */
  public FileArtifactStore(Path root) {
    this.root = root.toAbsolutePath().normalize();
  }

  @Override
  public Set<String> schemes() {
    return Set.of("file");
  }

  @Override
  public URI put(Path file, String name) {
    Path target = place(name);
    try {
      if (!Files.isRegularFile(file)) {
        throw new StorageException(
            "There is no file " + file + " to store as '" + name + "'; check the path");
      }
      Path folder = folderOf(target);
      Files.createDirectories(folder);
      if (!folder.toRealPath().startsWith(root.toRealPath())) {
        throw new ConfigurationException(
            "The name '" + name + "' leads out of the store " + root + " through a link");
      }
      if (!Files.isRegularFile(target, LinkOption.NOFOLLOW_LINKS)
          || Files.mismatch(file, target) >= 0) {
        replace(file, target);
      }
    } catch (IOException e) {
      throw new StorageException(
          file + " cannot be stored as " + target + " (" + e + "); check rights and free space", e);
    }
    return target.toUri();
  }

  @Override
  public void get(URI uri, Path target) {
    Path stored = stored(uri);
    if (!Files.isRegularFile(stored)) {
      throw new StorageException(
          "There is no " + uri + " in the store " + root + "; it was never stored, or removed");
    }
    try {
      replace(stored, target.toAbsolutePath());
    } catch (IOException e) {
      throw new StorageException(
          uri + " cannot be fetched to " + target + " (" + e + "); check rights and free space", e);
    }
  }

  @Override
  public boolean exists(URI uri) {
    return Files.isRegularFile(stored(uri));
  }

  private static void replace(Path from, Path to) throws IOException {
    Path temporary = Files.createTempFile(folderOf(to), ".jetfire", ".part");
    try {
      Files.copy(from, temporary, StandardCopyOption.REPLACE_EXISTING);
      try (FileChannel channel = FileChannel.open(temporary, StandardOpenOption.WRITE)) {
        channel.force(true);
      }
      Files.move(
          temporary, to, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    } finally {
      Files.deleteIfExists(temporary);
    }
  }

  private static Path folderOf(Path file) {
    Path folder = file.getParent();
    return folder == null ? file : folder;
  }

  /** Where a name lies: below the root, whatever it says. */
  private Path place(String name) {
    for (String part : name.split("/", -1)) {
      boolean plain =
          !part.isEmpty()
              && part.length() <= LONGEST_PART
              && !part.startsWith(".jetfire")
              && !part.equals(".")
              && !part.equals("..")
              && part.chars().noneMatch(c -> c < ' ' || "\\:*?\"<>|".indexOf(c) >= 0);
      if (!plain) {
        throw new ConfigurationException(
            String.format(
                Locale.ROOT,
                "An artifact's name is a relative path of plain parts, without '..', '\\' or ':',"
                    + " but was '%s'",
                name));
      }
    }
    return root.resolve(name).normalize();
  }

  private Path stored(URI uri) {
    try {
      Path file = Path.of(uri).normalize();
      if (file.startsWith(root) && !file.equals(root)) {
        return file;
      }
    } catch (RuntimeException e) {
      throw new ConfigurationException(
          uri + " is no file of the store " + root + " (" + e.getMessage() + ")", e);
    }
    throw new ConfigurationException(
        uri + " is not in the store " + root + "; fetch it from the store that returned it");
  }
}
