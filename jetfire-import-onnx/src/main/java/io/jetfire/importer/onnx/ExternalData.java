package io.jetfire.importer.onnx;

import io.jetfire.UnsupportedModelException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The files beside an ONNX model that hold its large tensors.
 *
 * <p>A location names a file below the model's folder. Absolute paths, {@code ..} and symbolic
 * links on the way are refused, for a model from elsewhere must not make a program read other
 * files.
 */
final class ExternalData {
  private final @Nullable Path folder;

  private ExternalData(@Nullable Path folder) {
    this.folder = folder;
  }

  /** For a model without a folder: every external tensor is refused. */
  static ExternalData none() {
    return new ExternalData(null);
  }

  static ExternalData in(Path folder) {
    return new ExternalData(folder);
  }

  ByteBuffer read(String tensor, Map<String, String> entries, long needed) {
    String location = entries.getOrDefault("location", "");
    if (folder == null) {
      throw refused(tensor, location, "the model was read without a folder; import it from a path");
    }
    Path file = resolve(folder, tensor, location);
    long offset = number(tensor, entries.getOrDefault("offset", "0"));
    long length = number(tensor, entries.getOrDefault("length", Long.toString(needed)));
    if (length != needed) {
      throw refused(
          tensor, location, "it has " + length + " bytes there, but its shape needs " + needed);
    }
    try (FileChannel channel =
        FileChannel.open(file, StandardOpenOption.READ, LinkOption.NOFOLLOW_LINKS)) {
      if (offset > channel.size() - needed) {
        throw refused(
            tensor,
            location,
            "the file has " + channel.size() + " bytes, too few for " + needed + " at " + offset);
      }
      ByteBuffer out = ByteBuffer.allocate((int) needed).order(ByteOrder.LITTLE_ENDIAN);
      while (out.hasRemaining()) {
        if (channel.read(out, offset + out.position()) < 0) {
          throw refused(tensor, location, "the file ended early");
        }
      }
      return out.flip();
    } catch (IOException e) {
      throw new UnsupportedModelException(
          "The data of the ONNX tensor '" + tensor + "' cannot be read from '" + location + "'", e);
    }
  }

  private static Path resolve(Path folder, String tensor, String location) {
    Path relative;
    try {
      relative = Path.of(location);
    } catch (InvalidPathException e) {
      throw refused(tensor, location, "that is no file name");
    }
    if (location.isEmpty()
        || relative.isAbsolute()
        || location.startsWith("/")
        || location.contains("\\")
        || location.matches("[A-Za-z]:.*")) {
      throw refused(tensor, location, "only a file below the model's folder may be named");
    }
    Path at = folder;
    for (Path part : relative) {
      if (part.toString().equals("..")) {
        throw refused(tensor, location, "'..' would leave the model's folder");
      }
      at = at.resolve(part);
      if (Files.isSymbolicLink(at)) {
        throw refused(tensor, location, "a symbolic link may lead out of the model's folder");
      }
    }
    if (!Files.isRegularFile(at, LinkOption.NOFOLLOW_LINKS)) {
      throw refused(tensor, location, "there is no such file beside the model; copy it there");
    }
    return at;
  }

  private static long number(String tensor, String text) {
    try {
      long n = Long.parseLong(text.strip());
      if (n >= 0) {
        return n;
      }
    } catch (NumberFormatException e) {
      // reported below with the text itself
    }
    throw refused(tensor, text, "a byte count was expected");
  }

  private static UnsupportedModelException refused(String tensor, String location, String why) {
    return new UnsupportedModelException(
        "The data of the ONNX tensor '" + tensor + "' is said to be in '" + location + "': " + why);
  }
}
