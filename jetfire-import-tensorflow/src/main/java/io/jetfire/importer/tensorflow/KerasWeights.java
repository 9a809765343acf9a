package io.jetfire.importer.tensorflow;

import io.jetfire.tflite.importer.lowering.Refusal;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** The arrays of one layer, or of one part of it, in either of Keras' storages. */
interface KerasWeights {

  /**
   * An array of this layer.
   *
   * @param index its place among the layer's own variables
   * @param name its name, such as {@code kernel}
   */
  Optional<Hdf5.Array> find(int index, String name);

  /**
   * The weights of a part of this layer, such as the cell of a recurrent layer.
   *
   * @param attribute the attribute of the Keras object that holds the part
   * @param name the name of the part, or null if a name is not told
   */
  KerasWeights part(String attribute, @Nullable String name);

  /**
   * The weights of the objects in a list of this one, such as the layers of a model.
   *
   * @param attribute the attribute that holds the list, such as {@code layers}
   * @param objects their names and classes, in order
   */
  Map<String, KerasWeights> members(String attribute, List<Named> objects);

  /** The weights of the layers of a model. */
  default Map<String, KerasWeights> layers(List<Named> layers) {
    return members("layers", layers);
  }

  /** A layer of a model. */
  record Named(String name, String className) {}

  /** An array that must be there. */
  default Hdf5.Array get(int index, String name) {
    return find(index, name)
        .orElseThrow(
            () ->
                new Refusal(
                    "its weights '" + name + "' are not in the file",
                    "save the model with its weights, after it was built"));
  }

  /** The Keras 3 name of a class' first layer: {@code Conv2D} is {@code conv2d}. */
  static String snakeCase(String className) {
    String name = className.replaceAll("\\W+", "");
    name = name.replaceAll("(.)([A-Z][a-z]+)", "$1_$2");
    return name.replaceAll("([a-z])([A-Z])", "$1_$2").toLowerCase(Locale.ROOT);
  }

  /** Groups of {@code model.weights.h5} inside a {@code .keras} file, after the objects' tree. */
  record Tree(@Nullable Hdf5 group) implements KerasWeights {
    @Override
    public Optional<Hdf5.Array> find(int index, String name) {
      return group == null
          ? Optional.empty()
          : group.group("vars").flatMap(v -> v.array(Integer.toString(index)));
    }

    @Override
    public KerasWeights part(String attribute, @Nullable String name) {
      return new Tree(group == null ? null : group.group(attribute).orElse(null));
    }

    @Override
    public Map<String, KerasWeights> members(String attribute, List<Named> layers) {
      Map<String, KerasWeights> out = new HashMap<>();
      Hdf5 all = group == null ? null : group.group(attribute).orElse(null);
      if (all == null && group != null) {
        all = group.group("_layer_checkpoint_dependencies").orElse(null);
      }
      if (all == null) {
        return out;
      }
      // Newer files say which layer a group is of; older ones number the groups of each class.
      Map<String, String> byName = new HashMap<>();
      for (String child : all.children()) {
        all.group(child)
            .flatMap(g -> g.group("vars"))
            .flatMap(v -> v.text("name"))
            .ifPresent(n -> byName.put(n, child));
      }
      Map<String, Integer> counts = new HashMap<>();
      for (Named layer : layers) {
        String base = snakeCase(layer.className());
        int n = counts.merge(base, 1, Integer::sum) - 1;
        String numbered = n == 0 ? base : base + "_" + n;
        String child = byName.get(layer.name());
        if (child == null) {
          child = all.group(numbered).isPresent() ? numbered : layer.name();
        }
        out.put(layer.name(), new Tree(all.group(child).orElse(null)));
      }
      return out;
    }
  }

  /** The named arrays of a layer in a {@code .h5} file. */
  record Flat(Map<String, Hdf5> sources, Map<String, String> paths) implements KerasWeights {

    static Flat of(@Nullable Hdf5 group) {
      Map<String, Hdf5> sources = new LinkedHashMap<>();
      Map<String, String> paths = new LinkedHashMap<>();
      if (group != null) {
        for (String path : group.arrays()) {
          sources.put(path, group);
          paths.put(path, path);
        }
      }
      return new Flat(sources, paths);
    }

    /** The whole file: one group per layer of the outermost model. */
    static KerasWeights model(Hdf5 group) {
      return new KerasWeights() {
        @Override
        public Optional<Hdf5.Array> find(int index, String name) {
          return Optional.empty();
        }

        @Override
        public KerasWeights part(String attribute, @Nullable String name) {
          return of(null);
        }

        @Override
        public Map<String, KerasWeights> members(String attribute, List<Named> layers) {
          Map<String, KerasWeights> out = new HashMap<>();
          for (Named layer : layers) {
            out.put(layer.name(), of(group.group(layer.name()).orElse(null)));
          }
          return out;
        }
      };
    }

    private static String last(String path) {
      String name = path.substring(path.lastIndexOf('/') + 1);
      int colon = name.lastIndexOf(':');
      return colon < 0 ? name : name.substring(0, colon);
    }

    @Override
    public Optional<Hdf5.Array> find(int index, String name) {
      List<String> found = new ArrayList<>();
      for (String path : paths.keySet()) {
        if (last(path).equals(name)) {
          found.add(path);
        }
      }
      if (found.size() > 1) {
        throw new Refusal(
            "its weights '" + name + "' are ambiguous: " + found, "save the model as .keras");
      }
      return found.isEmpty()
          ? Optional.empty()
          : Optional.of(
              java.util.Objects.requireNonNull(sources.get(found.get(0))).at(found.get(0)));
    }

    @Override
    public KerasWeights part(String attribute, @Nullable String name) {
      return name == null ? this : within(name, false);
    }

    /** The arrays under a component of this name; all of them if {@code orAll} and none is. */
    private KerasWeights within(String name, boolean orAll) {
      Map<String, String> some = new LinkedHashMap<>();
      for (String path : paths.keySet()) {
        if (("/" + path).contains("/" + name + "/")) {
          some.put(path, path);
        }
      }
      return some.isEmpty() && orAll ? this : new Flat(sources, some);
    }

    @Override
    public Map<String, KerasWeights> members(String attribute, List<Named> layers) {
      Map<String, KerasWeights> out = new HashMap<>();
      for (Named layer : layers) {
        out.put(layer.name(), within(layer.name(), false));
      }
      return out;
    }
  }
}
