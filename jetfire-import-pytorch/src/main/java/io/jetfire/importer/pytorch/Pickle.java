package io.jetfire.importer.pytorch;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Reads the pickles in which torch.save lists tensors, and nothing else.
 *
 * <p>A pickle is a program for a stack machine that may call any function. Here it may build
 * dictionaries, lists, tuples, numbers and texts, name storages, and "call" the few functions that
 * make tensors of them, which are recognized by name and turned into records: nothing is looked up
 * or executed. Everything else is refused. Opcodes: Python's module pickletools.
 */
final class Pickle {
  private static final int MAX_RANK = 64;
  private static final int MAX_OBJECTS = 4_000_000;

  private static final Map<String, Integer> STORAGES =
      Map.ofEntries(
          Map.entry("torch FloatStorage", Types.FLOAT),
          Map.entry("torch DoubleStorage", Types.DOUBLE),
          Map.entry("torch HalfStorage", Types.HALF),
          Map.entry("torch BFloat16Storage", Types.BFLOAT16),
          Map.entry("torch LongStorage", Types.LONG),
          Map.entry("torch IntStorage", Types.INT),
          Map.entry("torch ShortStorage", Types.SHORT),
          Map.entry("torch CharStorage", Types.CHAR),
          Map.entry("torch ByteStorage", Types.BYTE),
          Map.entry("torch BoolStorage", Types.BOOL));

  private static final Set<String> KNOWN =
      Set.of(
          "collections OrderedDict",
          "torch._utils _rebuild_tensor_v2",
          "torch._utils _rebuild_parameter",
          "torch._utils _rebuild_parameter_with_state");

  /** A function or class that the pickle names. */
  private record Name(String text) {}

  /** A storage that the pickle names; its bytes are an entry of the archive. */
  private record Storage(int type, String key) {}

  private enum Mark {
    MARK
  }

  private final ByteBuffer in;
  private final Zip archive;
  private final String folder;
  private final List<Object> stack = new ArrayList<>();
  private final Map<Integer, Object> memo = new HashMap<>();
  private int objects;

  private Pickle(ByteBuffer in, Zip archive, String folder) {
    this.in = in.slice().order(ByteOrder.LITTLE_ENDIAN);
    this.archive = archive;
    this.folder = folder;
  }

  /** Reads a dictionary of tensors from a file of torch.save. */
  static Map<String, StoredTensor> tensors(ByteBuffer file) {
    Zip archive = Zip.of(file);
    String data =
        archive.names().stream()
            .filter(n -> n.endsWith("data.pkl"))
            .findFirst()
            .orElseThrow(() -> Zip.broken("a part of it has no data.pkl"));
    String folder = data.substring(0, data.length() - "data.pkl".length());
    Archive.requireLittleEndian(archive.find(folder + "byteorder", 64));
    Object root;
    try {
      root = new Pickle(archive.read(data, Archive.MAX_TEXT_BYTES), archive, folder).run();
    } catch (IndexOutOfBoundsException
        | java.nio.BufferUnderflowException
        | ClassCastException
        | NegativeArraySizeException e) {
      throw Zip.broken("its pickle cannot be read");
    }
    if (!(root instanceof Map<?, ?> map)) {
      throw Zip.broken("its pickle holds no dictionary of tensors");
    }
    Map<String, StoredTensor> tensors = new LinkedHashMap<>();
    map.forEach(
        (name, value) -> {
          if (name instanceof String s && value instanceof StoredTensor t) {
            tensors.put(s, t);
          }
        });
    return tensors;
  }

  private Object run() {
    while (true) {
      int op = in.get() & 0xff;
      switch (op) {
        case 0x80 -> in.get(); // PROTO
        case 0x95 -> in.getLong(); // FRAME
        case '(' -> push(Mark.MARK);
        case '}' -> push(new LinkedHashMap<Object, Object>());
        case ']' -> push(new ArrayList<Object>());
        case ')' -> push(List.of());
        case 'N' -> push(Boolean.FALSE); // None: no argument that matters is None
        case 0x88 -> push(Boolean.TRUE);
        case 0x89 -> push(Boolean.FALSE);
        case 'K' -> push((long) (in.get() & 0xff));
        case 'M' -> push((long) (in.getShort() & 0xffff));
        case 'J' -> push((long) in.getInt());
        case 0x8a -> push(longInteger(in.get() & 0xff));
        case 'G' -> push(Double.longBitsToDouble(Long.reverseBytes(in.getLong())));
        case 'X' -> push(text(in.getInt()));
        case 0x8c -> push(text(in.get() & 0xff));
        case 'q' -> memo.put(in.get() & 0xff, top());
        case 'r' -> memo.put(in.getInt(), top());
        case 0x94 -> memo.put(memo.size(), top()); // MEMOIZE
        case 'h' -> push(remembered(in.get() & 0xff));
        case 'j' -> push(remembered(in.getInt()));
        case 'c' -> push(name(line() + " " + line()));
        case 0x93 -> { // STACK_GLOBAL
          String last = (String) pop();
          push(name(pop() + " " + last));
        }
        case 't' -> push(new ArrayList<>(sinceMark()));
        case 0x85 -> push(tuple(1));
        case 0x86 -> push(tuple(2));
        case 0x87 -> push(tuple(3));
        case 'Q' -> push(storage(pop()));
        case 'R' -> {
          Object arguments = pop();
          push(call(pop(), (List<?>) arguments));
        }
        case 's' -> {
          Object value = pop();
          Object key = pop();
          put(key, value);
        }
        case 'u' -> {
          List<Object> items = sinceMark();
          for (int i = 0; i + 1 < items.size(); i += 2) {
            put(items.get(i), items.get(i + 1));
          }
        }
        case 'a' -> {
          Object value = pop();
          list(top()).add(value);
        }
        case 'e' -> {
          List<Object> items = sinceMark();
          list(top()).addAll(items);
        }
        case 'b' -> pop(); // BUILD: attributes of a dictionary, such as a state dict's metadata
        case '.' -> {
          return pop();
        }
        default -> throw Zip.broken("its pickle has the opcode " + op + ", which is not allowed");
      }
    }
  }

  private void push(Object o) {
    if (++objects > MAX_OBJECTS) {
      throw Zip.broken("its pickle makes more than " + MAX_OBJECTS + " objects");
    }
    stack.add(o);
  }

  private Object pop() {
    return stack.remove(stack.size() - 1);
  }

  private Object top() {
    return stack.get(stack.size() - 1);
  }

  private Object remembered(int key) {
    Object o = memo.get(key);
    if (o == null) {
      throw Zip.broken("its pickle refers to an object that it did not make");
    }
    return o;
  }

  private List<Object> sinceMark() {
    int at = stack.lastIndexOf(Mark.MARK);
    if (at < 0) {
      throw Zip.broken("its pickle has no mark");
    }
    List<Object> tail = stack.subList(at + 1, stack.size());
    List<Object> items = new ArrayList<>(tail);
    tail.clear();
    stack.remove(at);
    return items;
  }

  private List<Object> tuple(int n) {
    List<Object> tail = stack.subList(stack.size() - n, stack.size());
    List<Object> items = new ArrayList<>(tail);
    tail.clear();
    return items;
  }

  private long longInteger(int bytes) {
    if (bytes > 8) {
      throw Zip.broken("its pickle has an integer of " + bytes + " bytes");
    }
    long v = 0;
    for (int i = 0; i < bytes; i++) {
      v |= (in.get() & 0xffL) << (8 * i);
    }
    int unused = 64 - 8 * bytes;
    return bytes == 0 ? 0 : v << unused >> unused;
  }

  private String text(int length) {
    if (length < 0 || length > in.remaining()) {
      throw Zip.broken("its pickle has a text of " + length + " bytes");
    }
    byte[] b = new byte[length];
    in.get(b);
    return new String(b, StandardCharsets.UTF_8);
  }

  private String line() {
    StringBuilder b = new StringBuilder();
    for (char c = (char) in.get(); c != '\n'; c = (char) in.get()) {
      b.append(c);
    }
    return b.toString();
  }

  private static Name name(String text) {
    if (!KNOWN.contains(text) && !STORAGES.containsKey(text)) {
      throw Zip.broken(
          "its pickle wants to call '"
              + text.replace(' ', '.')
              + "', and nothing is executed here");
    }
    return new Name(text);
  }

  @SuppressWarnings("unchecked") // Only dictionaries of objects are ever pushed.
  private static Map<Object, Object> dictionary(Object o) {
    return (Map<Object, Object>) o;
  }

  private void put(Object key, Object value) {
    if (!(key instanceof String) && !(key instanceof Long)) {
      throw Zip.broken("its pickle has a dictionary with other keys than texts");
    }
    dictionary(top()).put(key, value);
  }

  @SuppressWarnings("unchecked") // Only lists of objects are ever pushed.
  private static List<Object> list(Object o) {
    return (List<Object>) o;
  }

  private static Storage storage(Object id) {
    List<?> parts = (List<?>) id;
    Integer type = STORAGES.get(((Name) parts.get(1)).text);
    if (type == null || !parts.get(0).equals("storage")) {
      throw Zip.broken("its pickle names something else than a storage");
    }
    return new Storage(type, (String) parts.get(2));
  }

  private Object call(Object function, List<?> arguments) {
    return switch (((Name) function).text) {
      case "collections OrderedDict" -> new LinkedHashMap<Object, Object>();
      case "torch._utils _rebuild_tensor_v2" -> tensor(arguments);
      case "torch._utils _rebuild_parameter", "torch._utils _rebuild_parameter_with_state" ->
          (StoredTensor) arguments.get(0);
      default -> throw Zip.broken("its pickle calls " + function);
    };
  }

  private StoredTensor tensor(List<?> arguments) {
    Storage storage = (Storage) arguments.get(0);
    long[] sizes = longs((List<?>) arguments.get(2));
    int[] dims = new int[sizes.length];
    for (int i = 0; i < dims.length; i++) {
      if (sizes[i] < 0 || sizes[i] > Integer.MAX_VALUE) {
        throw Zip.broken("a tensor has a dimension of " + sizes[i]);
      }
      dims[i] = (int) sizes[i];
    }
    String path = folder + "data/" + storage.key;
    ByteBuffer bytes = archive.read(path, Integer.MAX_VALUE);
    return new StoredTensor(
        path,
        storage.type,
        dims,
        longs((List<?>) arguments.get(3)),
        (Long) arguments.get(1),
        bytes);
  }

  private static long[] longs(List<?> values) {
    if (values.size() > MAX_RANK) {
      throw Zip.broken("a tensor has " + values.size() + " dimensions");
    }
    return values.stream().mapToLong(v -> (Long) v).toArray();
  }
}
