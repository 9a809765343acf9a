package io.jetfire.core.internal.parse;

import io.jetfire.DelegatePlacement;
import io.jetfire.DelegatePlacement.Extent;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.OptionalInt;
import java.util.OptionalLong;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** Understands what runtimes and tools say of delegates. */
final class Placements {
  private static final int MOST = 200;

  private static final Pattern REPLACING =
      Pattern.compile(
          "^Replacing (\\d{1,9})(?: out of (\\d{1,9}))? node\\(s\\) with delegate \\(([^)]{1,80})\\) node,"
              + " yielding (\\d{1,9}) partitions?(?: for (?:the whole graph|subgraph (\\d{1,9})).*)?\\.?.*$");
  private static final Pattern NODES_DELEGATED =
      Pattern.compile(
          "^(\\S{1,80}) delegate: (\\d{1,9}) nodes delegated out of (\\d{1,9}) nodes with (\\d{1,9})"
              + " partitions?.*$");
  private static final Pattern APPLIED =
      Pattern.compile(
          "^Explicitly applied (\\S{1,80}) delegate, and the model graph will be (completely|partially)"
              + " executed by the delegate(?: w/ (\\d{1,9}) delegate kernels?)?.*$");
  private static final Pattern NOT_EXECUTED =
      Pattern.compile(
          "^Though (\\S{1,80}) delegate is explicitly applied, the model graph will not be executed.*$");
  private static final Pattern KERNELS =
      Pattern.compile("^Created (\\d{1,9}) (\\S{1,40}) delegate kernels?.*$");
  private static final Pattern CREATED = Pattern.compile("^(\\S{1,40}) delegate created\\.?.*$");
  private static final Pattern NOT_CREATED =
      Pattern.compile("^Could not create (\\S{1,40}) delegate.*$");
  private static final Pattern RUNTIME =
      Pattern.compile("^Created TensorFlow Lite (?:(\\S{1,40}) )?delegate for (\\S{1,40}?)\\.?$");
  private static final Pattern OPERATIONS =
      Pattern.compile(
          "^(\\d{1,9}) operations will run on the GPU, and the remaining (\\d{1,9}) operations will run"
              + " on the CPU.*$");
  private static final Pattern FULLY_ACCELERATED =
      Pattern.compile("^ *Fully accelerated: *(True|False|true|false) *$");

  private final Map<String, Mutable> found = new LinkedHashMap<>();
  private final Set<String> requested = new LinkedHashSet<>();
  private boolean notCreated;

  private static final class Mutable {
    final String delegate;
    final long line;
    @Nullable Extent explicit;
    OptionalInt delegated = OptionalInt.empty();
    OptionalInt total = OptionalInt.empty();
    OptionalInt partitions = OptionalInt.empty();
    OptionalInt kernels = OptionalInt.empty();

    Mutable(String delegate, long line) {
      this.delegate = delegate;
      this.line = line;
    }

    DelegatePlacement fixed() {
      return new DelegatePlacement(delegate, extent(), delegated, total, partitions, kernels, line);
    }

    private Extent extent() {
      if (explicit != null) {
        return explicit;
      }
      if (delegated.isPresent() && delegated.getAsInt() == 0) {
        return Extent.NONE;
      }
      if (kernels.isPresent() && kernels.getAsInt() == 0) {
        return Extent.NONE;
      }
      if (delegated.isPresent() && total.isPresent()) {
        return delegated.getAsInt() == total.getAsInt() ? Extent.FULL : Extent.PARTIAL;
      }
      // A plan of one piece that is the delegate's leaves nothing to the CPU.
      if (delegated.isPresent() && partitions.isPresent() && partitions.getAsInt() == 1) {
        return Extent.FULL;
      }
      if (delegated.isPresent() && partitions.isPresent() && partitions.getAsInt() > 1) {
        return Extent.PARTIAL;
      }
      return Extent.UNKNOWN;
    }
  }

  /** Returns the usual name of a delegate. */
  static String name(String printed) {
    return switch (printed) {
      case "TfLiteXNNPackDelegate", "XNNPACK", "XNNPack" -> "XNNPACK";
      case "TfLiteNnapiDelegate", "NNAPI" -> "NNAPI";
      case "TfLiteGpuDelegate", "TfLiteGpuDelegateV2", "GPU", "Metal", "TfLiteMetalDelegate" ->
          "GPU";
      case "TfLiteHexagonDelegate", "Hexagon" -> "HEXAGON";
      case "TfLiteCoreMlDelegate", "COREML", "CoreML" -> "CORE_ML";
      default -> printed;
    };
  }

  /** Notes that a delegate was asked for. */
  void request(String delegate) {
    if (requested.size() < MOST) {
      requested.add(name(delegate));
    }
  }

  /** Takes what JetFire's own log says. */
  void place(String delegate, int delegated, int total, int partitions, long line) {
    Mutable m = at(name(delegate), "", line);
    m.delegated = OptionalInt.of(delegated);
    m.total = OptionalInt.of(total);
    if (partitions >= 0) {
      m.partitions = OptionalInt.of(partitions);
    }
  }

  /** Reads a line; false if it says nothing of delegates. */
  boolean read(String message, long line) {
    if (message.length() > 2000
        || !message.contains("delegate")
            && !message.contains("operations will run")
            && !message.contains("accelerated")) {
      return false;
    }
    Matcher m = REPLACING.matcher(message);
    if (m.matches()) {
      int delegated = number(m.group(1));
      OptionalInt total = optional(m.group(2));
      if (total.isPresent() && total.getAsInt() < delegated) {
        return false;
      }
      Mutable at = at(name(m.group(3)), m.group(5) == null ? "" : m.group(5), line);
      at.delegated = OptionalInt.of(delegated);
      if (total.isPresent()) {
        at.total = total;
      }
      at.partitions = optional(m.group(4));
      return true;
    }
    m = NODES_DELEGATED.matcher(message);
    if (m.matches()) {
      if (number(m.group(2)) > number(m.group(3))) {
        return false;
      }
      Mutable at = at(name(m.group(1)), "", line);
      at.delegated = optional(m.group(2));
      at.total = optional(m.group(3));
      at.kernels = optional(m.group(4));
      request(m.group(1));
      return true;
    }
    m = APPLIED.matcher(message);
    if (m.matches()) {
      Mutable at = at(name(m.group(1)), "", line);
      at.explicit = m.group(2).equals("completely") ? Extent.FULL : Extent.PARTIAL;
      if (m.group(3) != null) {
        at.kernels = optional(m.group(3));
      }
      request(m.group(1));
      return true;
    }
    m = NOT_EXECUTED.matcher(message);
    if (m.matches()) {
      at(name(m.group(1)), "", line).explicit = Extent.NONE;
      request(m.group(1));
      return true;
    }
    m = KERNELS.matcher(message);
    if (m.matches()) {
      at(name(m.group(2)), "", line).kernels = optional(m.group(1));
      request(m.group(2));
      return true;
    }
    m = NOT_CREATED.matcher(message);
    if (m.matches()) {
      at(name(m.group(1)), "", line).explicit = Extent.NONE;
      request(m.group(1));
      notCreated = true;
      return true;
    }
    m = RUNTIME.matcher(message);
    if (m.matches()) {
      if (m.group(1) == null) {
        request(m.group(2));
      }
      return true;
    }
    m = CREATED.matcher(message);
    if (m.matches()) {
      request(m.group(1));
      return true;
    }
    m = OPERATIONS.matcher(message);
    if (m.matches()) {
      Mutable at = at("GPU", "", line);
      int gpu = number(m.group(1));
      at.delegated = OptionalInt.of(gpu);
      at.total = OptionalInt.of(gpu + number(m.group(2)));
      request("GPU");
      return true;
    }
    m = FULLY_ACCELERATED.matcher(message);
    if (m.matches()) {
      if (m.group(1).equalsIgnoreCase("true")) {
        at("accelerator", "", line).explicit = Extent.FULL;
      }
      return true;
    }
    return false;
  }

  /** Understands a parameter that the tool printed, or a flag. */
  void parameter(String name, String value) {
    boolean on = value.equals("1") || value.equals("true");
    String key = name.trim().toLowerCase(Locale.ROOT);
    if (on) {
      switch (key) {
        case "use gpu", "use_gpu" -> request("GPU");
        case "use nnapi", "use_nnapi" -> request("NNAPI");
        case "use hexagon", "use_hexagon" -> request("Hexagon");
        case "use coreml", "use_coreml", "use core ml" -> request("COREML");
        case "use xnnpack", "use_xnnpack" -> request("XNNPACK");
        default -> {}
      }
    }
    if ((key.equals("external delegate path") || key.equals("external_delegate_path"))
        && !value.isEmpty()) {
      request("EXTERNAL");
    }
  }

  /** True if a delegate was asked for, is said to have taken nothing, and none asked for did. */
  boolean silentCpuFallback() {
    if (requested.isEmpty()) {
      return false;
    }
    boolean none = notCreated;
    for (Mutable m : found.values()) {
      Extent extent = m.extent();
      if (extent == Extent.NONE) {
        none = true;
      } else if (requested.contains(m.delegate) && extent != Extent.UNKNOWN) {
        return false;
      }
    }
    return none;
  }

  List<DelegatePlacement> fixed() {
    List<DelegatePlacement> list = new ArrayList<>();
    found.values().forEach(m -> list.add(m.fixed()));
    return list;
  }

  private Mutable at(String delegate, String subgraph, long line) {
    // Lines about the whole graph add to what a line about the first subgraph says.
    String key = delegate + "#" + (subgraph.equals("0") ? "" : subgraph);
    Mutable m = found.get(key);
    if (m == null) {
      m = new Mutable(delegate, line);
      if (found.size() < MOST) {
        found.put(key, m);
      }
    }
    return m;
  }

  private static int number(String digits) {
    OptionalLong n = Numbers.natural(digits);
    return (int) n.orElse(0);
  }

  private static OptionalInt optional(@Nullable String digits) {
    return digits == null ? OptionalInt.empty() : OptionalInt.of(number(digits));
  }
}
