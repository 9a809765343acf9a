package io.jetfire.tflite.importer.lowering;

import static org.assertj.core.api.Assertions.assertThat;

import io.jetfire.tflite.format.TfliteReader;
import io.jetfire.tflite.format.TfliteWriter;
import io.jetfire.tflite.format.WriteOptions;
import io.jetfire.tflite.graph.ElementType;
import io.jetfire.tflite.graph.Graph;
import io.jetfire.tflite.graph.Op;
import io.jetfire.tflite.graph.Shape;
import io.jetfire.tflite.graph.Subgraph;
import io.jetfire.tflite.graph.Value;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class CustomOperatorTest {

  @Test
  void attributesAreAFlexBuffer() {
    Map<String, Object> attributes = new LinkedHashMap<>();
    attributes.put("radius", 3);
    attributes.put("big", Long.MIN_VALUE);
    attributes.put("scale", -0.25f);
    attributes.put("mode", "wrap ä");
    attributes.put("flag", true);
    attributes.put("taps", List.of(1, -2, 3));
    attributes.put("weights", List.of(0.5, 0.25));
    attributes.put("flags", List.of(true, false));
    attributes.put("names", List.of("a", "", "bc"));
    attributes.put("none", List.of());
    attributes.put("inner", Map.of("x", List.of(List.of(1, 2), List.of(3))));
    attributes.put("raw", new byte[] {1, 2, 3});
    Map<String, Object> expected = new LinkedHashMap<>(attributes);
    expected.replaceAll((k, v) -> plain(v));
    assertThat(FlexReader.read(FlexBuffer.of(attributes))).isEqualTo(expected);
    assertThat(FlexReader.read(FlexBuffer.of(Map.of()))).isEqualTo(Map.of());
  }

  /** What the format keeps: 64-bit numbers. */
  private static Object plain(Object v) {
    if (v instanceof Integer i) {
      return (long) i;
    }
    if (v instanceof Float f) {
      return (double) f;
    }
    if (v instanceof byte[] b) {
      return Arrays.toString(b);
    }
    if (v instanceof List<?> l) {
      return l.stream().map(CustomOperatorTest::plain).toList();
    }
    if (v instanceof Map<?, ?> m) {
      Map<Object, Object> out = new LinkedHashMap<>();
      m.forEach((k, x) -> out.put(k, plain(x)));
      return out;
    }
    return v;
  }

  @Test
  void operatorsSurviveTheFile() {
    Graph graph = Graph.create();
    Subgraph main = graph.addSubgraph("main");
    Value x = main.addInput("x", ElementType.FLOAT32, Shape.of(2, 3));
    List<Value> out =
        CustomOperator.named("my.Filter")
            .attributes(Map.of("radius", 3))
            .output(ElementType.FLOAT32, Shape.of(2, 3))
            .output(ElementType.INT64, Shape.of(2))
            .emit(new Build(main), Arrays.asList(x, null, x));
    main.outputs(out);
    graph.verify();
    Graph again =
        TfliteReader.read(ByteBuffer.wrap(TfliteWriter.toBytes(graph, WriteOptions.defaults())));
    Op op = again.main().ops().get(0);
    assertThat(op.customName()).isEqualTo("my.Filter");
    assertThat(op.inputs()).hasSize(3);
    assertThat(op.inputs().get(1)).isNull();
    assertThat(op.outputs().get(1).type()).isEqualTo(ElementType.INT64);
    byte[] options = new byte[op.customOptions().orElseThrow().remaining()];
    op.customOptions().orElseThrow().get(options);
    assertThat(FlexReader.read(options)).isEqualTo(Map.of("radius", 3L));
  }

  /** A reader of the whole format, for any width. */
  private static final class FlexReader {
    private final ByteBuffer in;

    private FlexReader(byte[] bytes) {
      in = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    }

    static Object read(byte[] bytes) {
      FlexReader r = new FlexReader(bytes);
      int width = bytes[bytes.length - 1];
      return r.value(bytes.length - 2 - width, width, bytes[bytes.length - 2] & 0xff);
    }

    private long number(int at, int width) {
      return switch (width) {
        case 1 -> in.get(at);
        case 2 -> in.getShort(at);
        case 4 -> in.getInt(at);
        default -> in.getLong(at);
      };
    }

    private Object value(int at, int parentWidth, int packed) {
      int width = 1 << (packed & 3);
      int type = packed >> 2;
      int to = (int) (at - number(at, parentWidth));
      return switch (type) {
        case 1 -> number(at, parentWidth);
        case 3 -> Double.longBitsToDouble(in.getLong(at));
        case 26 -> number(at, parentWidth) != 0;
        case 4 -> key(to);
        case 5 ->
            new String(in.array(), to, (int) number(to - width, width), StandardCharsets.UTF_8);
        case 25 ->
            Arrays.toString(
                Arrays.copyOfRange(in.array(), to, to + (int) number(to - width, width)));
        case 9 -> map(to, width);
        case 10 -> list(to, width, -1);
        case 11 -> list(to, width, 1);
        case 13 -> list(to, width, 3);
        case 36 -> list(to, width, 26);
        default -> throw new AssertionError("type " + type);
      };
    }

    private String key(int at) {
      int end = at;
      while (in.get(end) != 0) {
        end++;
      }
      return new String(in.array(), at, end - at, StandardCharsets.UTF_8);
    }

    private List<Object> list(int at, int width, int type) {
      int n = (int) number(at - width, width);
      List<Object> out = new ArrayList<>();
      for (int i = 0; i < n; i++) {
        int packed = type < 0 ? in.get(at + n * width + i) & 0xff : type << 2 | 3;
        out.add(value(at + i * width, width, packed));
      }
      return out;
    }

    private Map<Object, Object> map(int at, int width) {
      int keysAt = (int) (at - 3 * width - number(at - 3 * width, width));
      int keyWidth = (int) number(at - 2 * width, width);
      List<Object> values = list(at, width, -1);
      Map<Object, Object> out = new LinkedHashMap<>();
      String last = "";
      for (int i = 0; i < values.size(); i++) {
        int k = keysAt + i * keyWidth;
        String key = key((int) (k - number(k, keyWidth)));
        assertThat(key).isGreaterThan(last);
        last = key;
        out.put(key, values.get(i));
      }
      return out;
    }
  }
}
