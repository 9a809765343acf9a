package io.jetfire.spi;

import java.net.URI;
import java.nio.file.Path;
import java.util.Set;

/** Keeps files under URIs, such as a folder, {@code gs://} or {@code s3://}. Thread-safe. */
public interface ArtifactStore {

  /**
   * Returns the URI schemes that this store serves.
   *
   * @return such as {@code file}
   */
  Set<String> schemes();

  /**
   * Stores a file; storing the same content under the same name again changes nothing.
   *
   * @param file the file
   * @param name a relative path with {@code /}, without {@code ..}
   * @return where it is now
   * @throws io.jetfire.StorageException if it cannot be written; nothing half-written stays
   */
  URI put(Path file, String name);

  /**
   * Fetches a file.
   *
   * @param uri what {@link #put} returned
   * @param target the file to write, replaced as a whole or not at all
   * @throws io.jetfire.StorageException if there is no such file, or it cannot be written
   */
  void get(URI uri, Path target);

  /**
   * Says whether a file is there.
   *
   * @param uri what {@link #put} returned
   * @return true if it can be fetched
   */
  boolean exists(URI uri);
}
