package io.jetfire.adapter.djl.internal.artifact;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.core.json.JsonWriteFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.jetfire.StorageException;
import io.jetfire.UnsupportedModelException;
import io.jetfire.adapter.djl.internal.trace.Trace;
import io.jetfire.adapter.djl.internal.trace.TraceValue;
import java.io.BufferedOutputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.LocalDateTime;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import java.util.zip.CRC32;
import java.util.zip.ZipEntry;
import java.util.zip.ZipException;
import java.util.zip.ZipFile;
import java.util.zip.ZipOutputStream;

/**
 * A trained DJL model in one file, format {@code djl-trace}: a zip of four stored entries.
 *
 * <ul>
 *   <li>{@code trace.json}: what the block computes, operation by operation, with the place of each
 *       in the block tree
 *   <li>{@code weights.bin}: the parameters and constants, little-endian, each at a multiple of 64
 *       bytes
 *   <li>{@code training.json}: how it was trained
 *   <li>{@code block.params}: the parameters as DJL's {@code Block.loadParameters} reads them
 * </ul>
 *
 * <p>Equal contents give equal bytes. A file is read as hostile input: only these entries, only
 * stored ones, with checked sizes and check sums.
 *
 * @param trace the computation, with the contents of parameters and constants
 * @param training the training record
 * @param parameters DJL's own parameter file, or empty
 */
public record DjlTraceFile(Trace trace, ObjectNode training, byte[] parameters) {

  /** The format's id. */
  public static final String FORMAT = "djl-trace";

  private static final String TRACE = "trace.json";
  private static final String WEIGHTS = "weights.bin";
  private static final String TRAINING = "training.json";
  private static final String PARAMETERS = "block.params";
  private static final Set<String> ENTRIES = Set.of(TRACE, WEIGHTS, TRAINING, PARAMETERS);
  private static final int ALIGNMENT = 64;
  private static final long MAX_JSON_BYTES = 64L << 20;
  private static final long MAX_BINARY_BYTES = 1L << 30;
  private static final LocalDateTime TIMESTAMP = LocalDateTime.of(1980, 1, 1, 0, 0);

  private static final JsonMapper JSON =
      JsonMapper.builder(
              JsonFactory.builder()
                  .streamReadConstraints(
                      StreamReadConstraints.builder().maxNestingDepth(32).build())
                  .build())
          .enable(JsonWriteFeature.ESCAPE_NON_ASCII)
          .build();

  /**
   * Writes the file.
   *
   * @throws StorageException if it cannot be written
   */
  public void write(Path file) {
    Map<Integer, TraceJson.Range> ranges = new HashMap<>();
    byte[] weights = weights(ranges);
    try (OutputStream out = new BufferedOutputStream(Files.newOutputStream(file));
        ZipOutputStream zip = new ZipOutputStream(out, StandardCharsets.UTF_8)) {
      zip.setMethod(ZipOutputStream.STORED);
      entry(zip, TRACE, JSON.writeValueAsBytes(TraceJson.write(trace, ranges)));
      entry(zip, WEIGHTS, weights);
      entry(zip, TRAINING, JSON.writeValueAsBytes(training));
      entry(zip, PARAMETERS, parameters);
    } catch (IOException e) {
      throw new StorageException(
          "Cannot write the trained model to "
              + file
              + ": "
              + e.getMessage()
              + ". Check that the folder exists, is writable and has space.",
          e);
    }
  }

  private byte[] weights(Map<Integer, TraceJson.Range> ranges) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    for (TraceValue value : trace.values()) {
      byte[] content = trace.data().get(value.id());
      if (content != null) {
        out.writeBytes(new byte[(ALIGNMENT - out.size() % ALIGNMENT) % ALIGNMENT]);
        ranges.put(value.id(), new TraceJson.Range(out.size(), content.length));
        out.writeBytes(content);
      }
    }
    return out.toByteArray();
  }

  private static void entry(ZipOutputStream zip, String name, byte[] content) throws IOException {
    CRC32 crc = new CRC32();
    crc.update(content);
    ZipEntry entry = new ZipEntry(name);
    entry.setSize(content.length);
    entry.setCrc(crc.getValue());
    entry.setTimeLocal(TIMESTAMP);
    zip.putNextEntry(entry);
    zip.write(content);
    zip.closeEntry();
  }

  /**
   * Tells by the first bytes whether a file may be of this format: a zip whose first entry is
   * {@code trace.json}.
   *
   * @param header the first bytes of the file, 64 are enough
   */
  public static boolean accepts(byte[] header) {
    byte[] name = TRACE.getBytes(StandardCharsets.US_ASCII);
    return header.length >= 30 + name.length
        && header[0] == 'P'
        && header[1] == 'K'
        && header[2] == 3
        && header[3] == 4
        && Arrays.equals(header, 30, 30 + name.length, name, 0, name.length);
  }

  /**
   * Reads a file.
   *
   * @throws UnsupportedModelException if it is not a sound file of this format
   * @throws StorageException if it cannot be read
   */
  public static DjlTraceFile read(Path file) {
    try (ZipFile zip = new ZipFile(file.toFile(), StandardCharsets.UTF_8)) {
      checkEntries(zip);
      byte[] weights = content(zip, WEIGHTS, MAX_BINARY_BYTES);
      Trace trace =
          TraceJson.read(
              json(zip, TRACE),
              weights.length,
              r -> Arrays.copyOfRange(weights, (int) r.offset(), (int) r.offset() + r.length()));
      if (!(json(zip, TRAINING) instanceof ObjectNode training)) {
        throw new MalformedTraceException(TRAINING + " is not an object");
      }
      return new DjlTraceFile(trace, training, content(zip, PARAMETERS, MAX_BINARY_BYTES));
    } catch (ZipException | MalformedTraceException | JsonProcessingException e) {
      throw new UnsupportedModelException(
          file
              + " is not a sound "
              + FORMAT
              + " file: "
              + e.getMessage()
              + ". Take a file that a training with DJL wrote, unchanged.",
          e);
    } catch (IOException e) {
      throw new StorageException(
          "Cannot read the trained model " + file + ": " + e + ". Check the path.", e);
    }
  }

  private static void checkEntries(ZipFile zip) {
    Set<String> seen = new HashSet<>();
    zip.stream()
        .forEach(
            entry -> {
              if (!ENTRIES.contains(entry.getName()) || !seen.add(entry.getName())) {
                throw new MalformedTraceException("it has the entry " + entry.getName());
              }
              if (entry.getMethod() != ZipEntry.STORED
                  || entry.getSize() != entry.getCompressedSize()) {
                throw new MalformedTraceException(entry.getName() + " is not stored plainly");
              }
            });
    if (!seen.equals(ENTRIES)) {
      throw new MalformedTraceException("it has the entries " + seen + " instead of " + ENTRIES);
    }
  }

  private static JsonNode json(ZipFile zip, String name) throws IOException {
    return JSON.readTree(content(zip, name, MAX_JSON_BYTES));
  }

  private static byte[] content(ZipFile zip, String name, long maxBytes) throws IOException {
    ZipEntry entry = zip.getEntry(name);
    long size = entry.getSize();
    // A stored entry cannot be larger than the file; the zip reader has checked that it is in it.
    if (size < 0 || size > maxBytes) {
      throw new MalformedTraceException(name + " has " + size + " bytes, more than " + maxBytes);
    }
    try (InputStream in = zip.getInputStream(entry)) {
      byte[] content = in.readNBytes((int) size);
      CRC32 crc = new CRC32();
      crc.update(content);
      if (content.length != size || crc.getValue() != entry.getCrc()) {
        throw new MalformedTraceException(name + " is damaged (its check sum does not fit)");
      }
      return content;
    }
  }

  /** An empty training record. */
  public static ObjectNode newRecord() {
    return JSON.createObjectNode();
  }
}
