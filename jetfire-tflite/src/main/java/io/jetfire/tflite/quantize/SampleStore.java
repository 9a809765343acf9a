package io.jetfire.tflite.quantize;

import io.jetfire.ConfigurationException;
import io.jetfire.DataException;
import io.jetfire.Sample;
import io.jetfire.Tensor;
import io.jetfire.TensorSpec;
import io.jetfire.TensorType;
import io.jetfire.spi.ConverterBackend;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Iterator;
import java.util.List;
import java.util.stream.Stream;

/** The calibration samples as the model takes them, checked, in files. */
final class SampleStore implements Pass.Inputs, AutoCloseable {
  private final List<ActivationStore> inputs = new ArrayList<>();
  private final List<String> ids = new ArrayList<>();
  private final List<String> constant = new ArrayList<>();
  private final TensorScan scan = new TensorScan();
  private final int[] chosen;

  private SampleStore(int[] chosen) {
    this.chosen = chosen;
  }

  /**
   * Reads and checks the samples of a calibration.
   *
   * @param specs the model's inputs
   * @throws DataException if a sample cannot be used; it is named
   */
  static SampleStore load(
      ConverterBackend.Calibration calibration, List<TensorSpec> specs, Path folder) {
    if (calibration.samples() < 1) {
      throw new ConfigurationException(
          "Calibration needs at least 1 sample, but was limited to " + calibration.samples());
    }
    SampleStore store = new SampleStore(new int[0]);
    try {
      specs.forEach(s -> store.inputs.add(new ActivationStore(folder)));
      try (Stream<Sample> stream = calibration.dataset().samples().limit(calibration.samples())) {
        for (Iterator<Sample> all = stream.iterator(); all.hasNext(); ) {
          Sample sample = all.next();
          store.add(sample, calibration.preprocessing().apply(sample, specs), specs);
        }
      }
      if (store.ids.isEmpty()) {
        throw empty(calibration);
      }
      return store;
    } catch (RuntimeException | Error e) {
      store.close();
      throw e;
    }
  }

  /** What to throw where a dataset is empty. */
  static DataException empty(ConverterBackend.Calibration calibration) {
    return new DataException(
        "The calibration dataset '"
            + calibration.dataset().name()
            + "' has no samples; give some that look like what the model will see");
  }

  private void add(Sample sample, List<Tensor> tensors, List<TensorSpec> specs) {
    if (tensors.size() != specs.size()) {
      throw new DataException(
          "Calibration sample '"
              + sample.id()
              + "' gives "
              + tensors.size()
              + " inputs, but the model takes "
              + specs.size());
    }
    boolean varies = false;
    for (int i = 0; i < specs.size(); i++) {
      Tensor t = tensors.get(i);
      TensorSpec spec = specs.get(i);
      if (!fits(t, spec)) {
        throw new DataException(
            "Calibration sample '"
                + sample.id()
                + "' is "
                + t.type()
                + Arrays.toString(t.shape())
                + " at input '"
                + spec.name()
                + "', which takes "
                + spec.type()
                + Arrays.toString(spec.shape())
                + "; check the preprocessing");
      }
      if (t.type().isFloat()) {
        varies |= check(sample, spec, t);
      } else {
        varies = true;
      }
      inputs.get(i).add(t);
    }
    ids.add(sample.id());
    if (!varies) {
      constant.add(sample.id());
    }
  }

  /** Whether the values of a tensor differ. */
  private boolean check(Sample sample, TensorSpec spec, Tensor tensor) {
    if (tensor.type() == TensorType.FLOAT32) {
      scan.scan(TensorScan.source(tensor), tensor.elementCount(), 0, 0, List.of());
      if (scan.nonFinite == 0) {
        return tensor.elementCount() <= 1 || scan.min < scan.max;
      }
    }
    float[] values = tensor.toFloatArray();
    boolean varies = false;
    for (int i = 0; i < values.length; i++) {
      if (!Float.isFinite(values[i])) {
        throw new DataException(
            "Calibration sample '"
                + sample.id()
                + "' has the value "
                + values[i]
                + " at element "
                + i
                + " of input '"
                + spec.name()
                + "'; repair or remove the sample");
      }
      varies |= values[i] != values[0];
    }
    return varies || values.length <= 1;
  }

  /** Whether a tensor has the type and the shape of an input. */
  static boolean fits(Tensor tensor, TensorSpec spec) {
    return tensor.type() == spec.type() && fits(tensor.shape(), spec.shape());
  }

  private static boolean fits(int[] shape, int[] spec) {
    if (shape.length != spec.length) {
      return false;
    }
    for (int i = 0; i < shape.length; i++) {
      if (spec[i] >= 0 && shape[i] != spec[i]) {
        return false;
      }
    }
    return true;
  }

  /** A view of some of the samples; closing it does nothing. */
  SampleStore part(int[] some) {
    int[] indices = some.clone();
    for (int i = 0; i < some.length && chosen.length > 0; i++) {
      indices[i] = chosen[some[i]];
    }
    SampleStore view = new SampleStore(indices);
    view.inputs.addAll(inputs);
    for (int i : some) {
      view.ids.add(ids.get(i));
    }
    return view;
  }

  @Override
  public int size() {
    return ids.size();
  }

  String id(int sample) {
    return ids.get(sample);
  }

  /** The samples whose inputs have one value throughout. */
  List<String> constantSamples() {
    return constant;
  }

  @Override
  public List<Tensor> get(int sample) {
    int index = chosen.length == 0 ? sample : chosen[sample];
    List<Tensor> out = new ArrayList<>();
    for (ActivationStore store : inputs) {
      out.add(store.get(index));
    }
    return out;
  }

  @Override
  public void close() {
    if (chosen.length == 0) {
      inputs.forEach(ActivationStore::close);
    }
  }
}
