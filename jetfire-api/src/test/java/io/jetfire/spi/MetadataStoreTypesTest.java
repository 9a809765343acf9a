package io.jetfire.spi;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import io.jetfire.spi.MetadataStore.Artifact;
import io.jetfire.spi.MetadataStore.ArtifactEvent;
import io.jetfire.spi.MetadataStore.ArtifactState;
import io.jetfire.spi.MetadataStore.BaseType;
import io.jetfire.spi.MetadataStore.Context;
import io.jetfire.spi.MetadataStore.Direction;
import io.jetfire.spi.MetadataStore.Event;
import io.jetfire.spi.MetadataStore.EventType;
import io.jetfire.spi.MetadataStore.LineageQuery;
import io.jetfire.spi.MetadataStore.PathStep;
import io.jetfire.spi.MetadataStore.PropertyType;
import io.jetfire.spi.MetadataStore.Type;
import io.jetfire.spi.MetadataStore.TypeName;
import io.jetfire.spi.MetadataStore.Value;
import java.time.Instant;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class MetadataStoreTypesTest {

  @Test
  void structsHaveOneCanonicalText() {
    Value.StructValue struct =
        new Value.StructValue(
            " {\"b\" : [1.0, 2.5e0, null, true, {}], \"a\":\"\\u00fc\\\"\\n\", \"z\": -0.0} ");

    assertThat(struct.json())
        .isEqualTo("{\"a\":\"ü\\\"\\n\",\"b\":[1,2.5,null,true,{}],\"z\":-0.0}");
    assertThat(Value.struct(struct.fields())).isEqualTo(struct);
    assertThat(struct.type()).isEqualTo(PropertyType.STRUCT);
  }

  @Test
  void structsCanBeMadeFromMaps() {
    Map<String, @Nullable Object> fields = new HashMap<>();
    fields.put("list", Arrays.asList(1, 1e300, null, "x"));
    fields.put("gone", null);

    assertThat(Value.struct(fields))
        .isEqualTo(Value.struct("{\"gone\":null,\"list\":[1,1e300,null,\"x\"]}"));
    assertThatIllegalArgumentException()
        .isThrownBy(() -> Value.struct(Map.of("a", new Object())))
        .withMessageContaining("java.lang.Object");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> Value.struct(Map.of("a", Double.NaN)))
        .withMessageContaining("NaN");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        " ",
        "[]",
        "null",
        "{",
        "{}x",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":01}",
        "{\"a\":1.}",
        "{\"a\":.5}",
        "{\"a\":+1}",
        "{\"a\":1e999}",
        "{\"a\":NaN}",
        "{'a':1}",
        "{\"a\":1,}",
        "{\"a\":[1,]}",
        "{\"a\":\"\n\"}",
        "{\"a\":\"\\x\"}",
        "{\"a\":\"\\u12g4\"}",
        "{\"a\":tru}",
        "{\"a\":1,\"a\":2}",
        "{\"a\":\"",
        "{\"a\":\"\\",
        "{\"a\":\"\\u12"
      })
  void textsThatAreNoObjectAreRefused(String json) {
    assertThatIllegalArgumentException().isThrownBy(() -> Value.struct(json));
  }

  @Test
  void structsThatProtocolBufferReadersRefuseAreRefused() {
    String deepest = "{\"a\":".repeat(31) + "{}" + "}".repeat(31);

    assertThat(new Value.StructValue(deepest).json()).isEqualTo(deepest);
    assertThatIllegalArgumentException()
        .isThrownBy(() -> Value.struct("{\"a\":" + deepest + "}"))
        .withMessageContaining("32");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> Value.struct("{\"a\":" + "[".repeat(100_000)));
  }

  @Test
  void messagesAreCopiedAndComparedByContent() {
    byte[] bytes = {1, 2};
    Value.ProtoValue value = new Value.ProtoValue("type.googleapis.com/a.B", bytes);
    bytes[0] = 9;

    assertThat(value.message()).containsExactly(1, 2);
    assertThat(value).isEqualTo(Value.proto("type.googleapis.com/a.B", new byte[] {1, 2}));
    assertThat(value).isNotEqualTo(Value.proto("type.googleapis.com/a.B", bytes));
    assertThat(value).hasToString("ProtoValue[typeUrl=type.googleapis.com/a.B, message=2 bytes]");
  }

  @Test
  void whatMlMetadataCannotReadBackIsNamedAllAtOnce() {
    Artifact artifact =
        Artifact.builder("Data")
            .name("")
            .uri("a\0b")
            .externalId("\ud800")
            .property("both", 1)
            .customProperty("both", 2)
            .customProperty("nan", Double.NaN)
            .customProperty("huge", Double.MAX_VALUE)
            .customProperty("mark", "mlmd-struct::CgA=")
            .customProperty("null", "__MLMD_NULL__")
            .customProperty("any", Value.proto("", new byte[0]))
            .customProperty("", true)
            .build();

    assertThat(artifact.problems())
        .hasSize(10)
        .anySatisfy(problem -> assertThat(problem).contains("the name is empty"))
        .anySatisfy(problem -> assertThat(problem).contains("URI", "NUL"))
        .anySatisfy(problem -> assertThat(problem).contains("external id", "surrogate"))
        .anySatisfy(problem -> assertThat(problem).contains("\"both\"", "keep one"))
        .anySatisfy(problem -> assertThat(problem).contains("\"nan\"", "NaN"))
        .anySatisfy(problem -> assertThat(problem).contains("\"huge\"", "infinite"))
        .anySatisfy(problem -> assertThat(problem).contains("\"mark\"", "mark of a struct"))
        .anySatisfy(problem -> assertThat(problem).contains("\"null\"", "absent text"))
        .anySatisfy(problem -> assertThat(problem).contains("\"any\"", "type URL"))
        .anySatisfy(problem -> assertThat(problem).contains("empty name"));
    assertThat(
            Artifact.builder("Data")
                .customProperty("big", 1.79769313486231e308)
                .customProperty("tiny", Double.MIN_VALUE)
                .customProperty("text", "Grüße 😀\n")
                .build()
                .problems())
        .isEmpty();
    assertThat(Context.builder("Run", " ").build().problems()).hasSize(1);
    assertThat(Event.of(1, 1, EventType.INPUT, PathStep.key("\0")).problems()).hasSize(1);
    assertThat(Type.context("Run").baseType(BaseType.MODEL).externalId("").build().problems())
        .hasSize(2);
  }

  @Test
  void buildersCopyEverything() {
    Artifact artifact =
        Artifact.builder(TypeName.of("Data", "2"))
            .id(7L)
            .name("n")
            .uri("file:x")
            .state(ArtifactState.LIVE)
            .externalId("x")
            .property("p", 1)
            .customProperty("q", 0.5)
            .times(Instant.ofEpochMilli(1), Instant.ofEpochMilli(2))
            .build();

    assertThat(artifact.toBuilder().build()).isEqualTo(artifact);
    assertThat(artifact.storedId()).isEqualTo(7);
    assertThat(artifact.value("q")).contains(Value.of(0.5));
    assertThat(artifact.value("none")).isEmpty();
    Type type =
        Type.execution("Train")
            .id(3L)
            .version("1")
            .description("d")
            .property("p", PropertyType.INT)
            .baseType(BaseType.TRAIN)
            .inputType("{\"any\":{}}")
            .outputType("{\"none\":{}}")
            .externalId("x")
            .build();
    assertThat(type.toBuilder().build()).isEqualTo(type);
    assertThat(type.problems()).isEmpty();
  }

  @Test
  void impossibleRecordsAreRefused() {
    Artifact unstored = Artifact.builder("Data").build();

    assertThatIllegalStateException().isThrownBy(unstored::storedId);
    assertThatIllegalArgumentException().isThrownBy(() -> TypeName.of(""));
    assertThat(TypeName.of("a", "")).isEqualTo(TypeName.of("a"));
    assertThatIllegalArgumentException()
        .isThrownBy(() -> new ArtifactEvent(1L, unstored, EventType.INPUT, List.of(), null));
    assertThatIllegalArgumentException()
        .isThrownBy(() -> new ArtifactEvent(null, null, EventType.INPUT, List.of(), null));
    assertThatIllegalArgumentException()
        .isThrownBy(() -> new LineageQuery(List.of(), List.of(), Direction.UPSTREAM, 1));
    assertThatIllegalArgumentException()
        .isThrownBy(() -> new LineageQuery(List.of(1L), List.of(), Direction.UPSTREAM, 101));
  }
}
