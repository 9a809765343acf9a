package io.jetfire.adapter.mlmd;

import static java.util.Objects.requireNonNull;

import io.jetfire.spi.MetadataStore.Artifact;
import io.jetfire.spi.MetadataStore.BaseType;
import io.jetfire.spi.MetadataStore.Context;
import io.jetfire.spi.MetadataStore.Event;
import io.jetfire.spi.MetadataStore.EventType;
import io.jetfire.spi.MetadataStore.Execution;
import io.jetfire.spi.MetadataStore.Kind;
import io.jetfire.spi.MetadataStore.NodeBuilder;
import io.jetfire.spi.MetadataStore.PathStep;
import io.jetfire.spi.MetadataStore.PropertyType;
import io.jetfire.spi.MetadataStore.Type;
import io.jetfire.spi.MetadataStore.TypeName;
import io.jetfire.spi.MetadataStore.Value;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.LongFunction;
import org.jspecify.annotations.Nullable;

/** Reads ML Metadata's own messages ({@code metadata_store.proto}) into the SPI's records. */
final class Wire {
  private final TreeMap<Integer, List<byte[]>> messages = new TreeMap<>();
  private final TreeMap<Integer, List<Long>> numbers = new TreeMap<>();

  private Wire(byte[] bytes) {
    ProtoReader in = new ProtoReader(bytes);
    for (int field = in.next(); field != 0; field = in.next()) {
      if (in.isLengthDelimited()) {
        messages.computeIfAbsent(field, f -> new ArrayList<>()).add(in.bytes());
      } else if (in.isVarint()) {
        numbers.computeIfAbsent(field, f -> new ArrayList<>()).add(in.varint());
      } else {
        numbers
            .computeIfAbsent(field, f -> new ArrayList<>())
            .add(Double.doubleToRawLongBits(in.fixed64()));
      }
    }
  }

  static Wire ofHex(@Nullable Object hex) {
    return new Wire(HexFormat.of().parseHex((String) requireNonNull(hex)));
  }

  List<Wire> all(int field) {
    return messages.getOrDefault(field, List.of()).stream().map(Wire::new).toList();
  }

  Wire message(int field) {
    return all(field).get(0);
  }

  boolean has(int field) {
    return messages.containsKey(field) || numbers.containsKey(field);
  }

  long number(int field) {
    return numbers.getOrDefault(field, List.of(0L)).get(0);
  }

  List<String> strings(int field) {
    return messages.getOrDefault(field, List.of()).stream()
        .map(bytes -> new String(bytes, java.nio.charset.StandardCharsets.UTF_8))
        .toList();
  }

  @Nullable String string(int field) {
    return has(field) ? strings(field).get(0) : null;
  }

  /** This message as a type; the signatures of executions are left to the caller. */
  Type type(Kind kind) {
    boolean execution = kind == Kind.EXECUTION;
    String name = requireNonNull(string(2));
    Type.Builder type =
        switch (kind) {
          case ARTIFACT -> Type.artifact(name);
          case EXECUTION -> Type.execution(name);
          case CONTEXT -> Type.context(name);
        };
    for (Wire entry : all(3)) {
      type.property(
          requireNonNull(entry.string(1)),
          List.of(PropertyType.values()).get((int) entry.number(2) - 1));
    }
    long base = number(execution ? 8 : 6);
    BaseType baseType =
        base == 0 || kind == Kind.CONTEXT
            ? null
            : List.of(BaseType.values()).get((int) base - 1 + (execution ? 4 : 0));
    return type.id(has(1) ? number(1) : null)
        .version(string(execution ? 6 : 4))
        .description(string(execution ? 7 : 5))
        .baseType(baseType)
        .externalId(string(execution ? 9 : 7))
        .build();
  }

  Artifact artifact(Map<Long, TypeName> types) {
    Artifact.Builder artifact = Artifact.builder(requireNonNull(types.get(number(2))));
    node(artifact, 4, 5, 7, 9, 11);
    String uri = string(3);
    return artifact
        .uri(uri == null || uri.isEmpty() ? null : uri)
        .state(has(6) ? Codes.artifactState(number(6)) : null)
        .build();
  }

  Execution execution(Map<Long, TypeName> types) {
    Execution.Builder execution = Execution.builder(requireNonNull(types.get(number(2))));
    node(execution, 4, 5, 6, 8, 10);
    return execution.lastKnownState(has(3) ? Codes.executionState(number(3)) : null).build();
  }

  Context context(Map<Long, TypeName> types) {
    Context.Builder context =
        Context.builder(requireNonNull(types.get(number(2))), requireNonNull(string(3)));
    node(context, 4, 5, 3, 7, 9);
    return context.build();
  }

  private void node(
      NodeBuilder<?> node, int properties, int custom, int name, int times, int externalId) {
    node.id(has(1) ? number(1) : null).name(string(name)).externalId(string(externalId));
    if (has(times)) {
      LongFunction<Instant> instant = Instant::ofEpochMilli;
      node.times(instant.apply(number(times)), instant.apply(number(times + 1)));
    }
    for (Wire entry : all(properties)) {
      node.property(requireNonNull(entry.string(1)), entry.message(2).value());
    }
    for (Wire entry : all(custom)) {
      node.customProperty(requireNonNull(entry.string(1)), entry.message(2).value());
    }
  }

  private Value value() {
    if (numbers.containsKey(1)) {
      return Value.of(number(1));
    }
    if (numbers.containsKey(2)) {
      return Value.of(Double.longBitsToDouble(number(2)));
    }
    if (messages.containsKey(3)) {
      return Value.of(requireNonNull(string(3)));
    }
    if (messages.containsKey(4)) {
      byte[] struct = requireNonNull(messages.get(4)).get(0);
      return StoredValues.text("mlmd-struct::" + Base64.getEncoder().encodeToString(struct));
    }
    if (messages.containsKey(5)) {
      byte[] any = requireNonNull(messages.get(5)).get(0);
      return StoredValues.any(Base64.getEncoder().encodeToString(any));
    }
    return Value.of(number(6) != 0);
  }

  Event event(long artifactId, long executionId) {
    List<PathStep> path = new ArrayList<>();
    for (Wire steps : all(3)) {
      for (Wire step : steps.all(1)) {
        path.add(
            step.has(2)
                ? PathStep.key(requireNonNull(step.string(2)))
                : PathStep.index(step.number(1)));
      }
    }
    EventType type = requireNonNull(Codes.eventType(number(4)));
    return new Event(
        artifactId, executionId, type, path, has(5) ? Instant.ofEpochMilli(number(5)) : null);
  }

  Event event() {
    return event(number(1), number(2));
  }
}
