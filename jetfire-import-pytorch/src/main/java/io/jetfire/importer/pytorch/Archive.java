package io.jetfire.importer.pytorch;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.MissingNode;
import io.jetfire.UnsupportedModelException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * A file of torch.export.save: the program as JSON, and its tensors.
 *
 * <p>Two layouts are known. Since PyTorch 2.8: a folder with {@code models/NAME.json} and, per
 * tensor, raw bytes that {@code data/weights/NAME_weights_config.json} describes. Before: {@code
 * serialized_exported_program.json} and files of torch.save for the state and the constants, whose
 * pickles are read without executing them (see {@link Pickle}).
 */
final class Archive {
  /** The most bytes that a program's text may have. */
  static final long MAX_TEXT_BYTES = 64L << 20;

  private static final int MAX_TOKENS = 16_000_000;
  private static final int MAX_NESTING = 200;
  private static final JsonMapper JSON =
      JsonMapper.builder(
              JsonFactory.builder()
                  .streamReadConstraints(
                      StreamReadConstraints.builder()
                          .maxNestingDepth(MAX_NESTING)
                          .maxTokenCount(MAX_TOKENS)
                          .maxNumberLength(64)
                          .build())
                  .build())
          .build();

  private final JsonNode program;
  private final Source state;
  private final Source constants;

  private interface Source {
    @Nullable StoredTensor find(String name);
  }

  private Archive(JsonNode program, Source state, Source constants) {
    this.program = program;
    this.state = state;
    this.constants = constants;
  }

  static Archive read(ByteBuffer file) {
    Zip zip = Zip.of(file);
    for (String name : zip.names()) {
      if (name.endsWith("serialized_exported_program.json")) {
        String root =
            name.substring(0, name.length() - "serialized_exported_program.json".length());
        return old(zip, root);
      }
    }
    List<String> models = zip.names().stream().filter(Archive::isModel).toList();
    if (models.size() != 1) {
      throw new UnsupportedModelException(
          "The archive holds "
              + (models.isEmpty() ? "no exported program" : models.size() + " programs " + models)
              + "; write one with torch.export.save(torch.export.export(model, args), file)");
    }
    String model = models.get(0);
    int slash = model.lastIndexOf('/');
    String root = model.substring(0, model.lastIndexOf("models/"));
    String name = model.substring(slash + 1, model.length() - ".json".length());
    requireLittleEndian(zip.find(root + "byteorder", 64));
    String weights = root + "data/weights/";
    String constants = root + "data/constants/";
    return new Archive(
        json(zip.read(model, MAX_TEXT_BYTES)),
        new Described(zip, weights, name + "_weights_config", name + "_model_param_config"),
        new Described(
            zip, constants, name + "_constants_config", name + "_model_constants_config"));
  }

  /** A program is {@code models/NAME.json} in the archive's one folder. */
  private static boolean isModel(String name) {
    String[] parts = name.split("/", -1);
    int n = parts.length;
    return n >= 2 && n <= 3 && parts[n - 2].equals("models") && parts[n - 1].endsWith(".json");
  }

  private static Archive old(Zip zip, String root) {
    JsonNode program = json(zip.read(root + "serialized_exported_program.json", MAX_TEXT_BYTES));
    return new Archive(
        program,
        pickled(zip, root + "serialized_state_dict.pt"),
        pickled(zip, root + "serialized_constants.pt"));
  }

  private static Source pickled(Zip zip, String name) {
    ByteBuffer file = zip.find(name, Integer.MAX_VALUE);
    if (file == null || !file.hasRemaining()) {
      return key -> null;
    }
    Map<String, StoredTensor> tensors = Pickle.tensors(file);
    return tensors::get;
  }

  static void requireLittleEndian(@Nullable ByteBuffer order) {
    if (order != null && !StandardCharsets.US_ASCII.decode(order).toString().contains("little")) {
      throw new UnsupportedModelException(
          "The program was saved on a big-endian machine; save it on a little-endian one");
    }
  }

  static JsonNode json(ByteBuffer text) {
    byte[] bytes = new byte[text.remaining()];
    text.duplicate().get(bytes);
    try {
      JsonNode node = JSON.readTree(bytes);
      return node == null ? MissingNode.getInstance() : node;
    } catch (JsonProcessingException e) {
      throw Zip.broken("its program is not JSON (" + e.getOriginalMessage() + ")");
    } catch (IOException e) {
      throw Zip.broken("its program is not JSON (" + e.getMessage() + ")");
    }
  }

  JsonNode program() {
    return program;
  }

  /** A parameter or persistent buffer; null if the archive has none of that name. */
  @Nullable StoredTensor state(String name) {
    return state.find(name);
  }

  /** A constant or a buffer that is not part of the state; null if there is none of that name. */
  @Nullable StoredTensor constant(String name) {
    return constants.find(name);
  }

  /** Raw bytes with a JSON that describes them. */
  private static final class Described implements Source {
    private final Zip zip;
    private final String folder;
    private final JsonNode config;
    private final Map<String, ByteBuffer> storages = new HashMap<>();

    Described(Zip zip, String folder, String... names) {
      this.zip = zip;
      this.folder = folder;
      JsonNode found = MissingNode.getInstance();
      for (String name : names) {
        ByteBuffer text = zip.find(folder + name + ".json", MAX_TEXT_BYTES);
        if (text != null) {
          found = json(text).path("config");
          break;
        }
      }
      config = found;
    }

    @Override
    public @Nullable StoredTensor find(String name) {
      JsonNode entry = config.path(name);
      JsonNode meta = entry.path("tensor_meta");
      if (!meta.isObject()) {
        return null;
      }
      if (entry.path("use_pickle").asBoolean()) {
        throw Zip.broken(
            "the tensor '"
                + name
                + "' is pickled, and nothing is executed here; use plain tensors");
      }
      String path = entry.path("path_name").asText();
      ByteBuffer bytes =
          storages.computeIfAbsent(path, p -> zip.read(folder + p, Integer.MAX_VALUE));
      long[] sizes = longs(meta.path("sizes"));
      int[] dims = new int[sizes.length];
      for (int i = 0; i < dims.length; i++) {
        if (sizes[i] < 0 || sizes[i] > Integer.MAX_VALUE) {
          throw Zip.broken("the tensor '" + name + "' has a dimension of " + sizes[i]);
        }
        dims[i] = (int) sizes[i];
      }
      long offset = meta.path("storage_offset").path("as_int").asLong();
      return new StoredTensor(
          folder + path,
          meta.path("dtype").asInt(),
          dims,
          longs(meta.path("strides")),
          offset,
          bytes);
    }

    private static long[] longs(JsonNode list) {
      long[] out = new long[list.size()];
      for (int i = 0; i < out.length; i++) {
        out[i] = list.path(i).path("as_int").asLong(-1);
      }
      return out;
    }
  }
}
