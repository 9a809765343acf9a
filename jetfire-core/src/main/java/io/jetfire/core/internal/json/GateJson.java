package io.jetfire.core.internal.json;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.jetfire.Delegate;
import io.jetfire.DeviceQuery;
import io.jetfire.Gate;
import io.jetfire.GateSelector;
import java.util.Optional;
import java.util.OptionalInt;

/** Gates as JSON. */
public final class GateJson {
  private GateJson() {}

  /**
   * Writes a gate.
   *
   * @param g the gate
   * @return its tree
   */
  public static ObjectNode write(Gate g) {
    ObjectNode o = Json.object().put("subject", g.subject().name());
    g.percentile().ifPresent(p -> o.put("percentile", p));
    g.evaluationMetric().ifPresent(m -> o.put("evaluationMetric", m));
    o.put("bound", g.bound().name()).put("limit", g.limit());
    g.baselineVariant().ifPresent(v -> o.put("baselineVariant", v));
    GateSelector s = g.selector();
    s.device().ifPresent(d -> o.put("device", d.toString()));
    s.tier().ifPresent(t -> o.put("tier", t));
    s.os().ifPresent(v -> o.put("os", v));
    s.delegate().ifPresent(d -> o.put("delegate", d.name()));
    s.variant().ifPresent(v -> o.put("variant", v));
    return o;
  }

  /**
   * Reads a gate.
   *
   * @param f its fields
   * @return the gate
   */
  public static Gate read(JsonFields f) {
    return Gate.of(
        f.constant("subject", Gate.Subject.class),
        f.has("percentile") ? OptionalInt.of(f.integer("percentile")) : OptionalInt.empty(),
        f.optionalText("evaluationMetric"),
        f.constant("bound", Gate.Bound.class),
        f.number("limit"),
        f.optionalText("baselineVariant"),
        new GateSelector(
            f.optionalText("device").map(DeviceQuery::parse),
            f.optionalText("tier"),
            f.optionalText("os"),
            f.has("delegate") ? Optional.of(Delegate.of(f.text("delegate"))) : Optional.empty(),
            f.optionalText("variant")));
  }
}
