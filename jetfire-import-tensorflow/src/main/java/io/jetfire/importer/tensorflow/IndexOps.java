package io.jetfire.importer.tensorflow;

import io.jetfire.tflite.graph.ElementType;
import io.jetfire.tflite.graph.Op;
import io.jetfire.tflite.graph.OpKind;
import io.jetfire.tflite.graph.Shape;
import io.jetfire.tflite.graph.Value;
import io.jetfire.tflite.importer.lowering.Build;
import io.jetfire.tflite.importer.lowering.Indexing;
import io.jetfire.tflite.importer.lowering.Refusal;
import java.util.Arrays;
import java.util.List;
import java.util.Map;

/** Picking and writing elements, selection of boxes, random numbers. */
final class IndexOps {
  private IndexOps() {}

  static void register(Map<String, Lowering> ops) {
    ops.put("Gather", n -> gather(n, 0));
    ops.put("GatherV2", n -> gather(n, n.knownOne(2, "axis")));
    ops.put("GatherNd", n -> n.out(n.b.emit(Op.of(OpKind.GATHER_ND).inputs(n.in(0), index(n, 1)))));
    ops.put(
        "ScatterNd",
        n -> n.out(n.b.emit(Op.of(OpKind.SCATTER_ND).inputs(index(n, 0), n.in(1), index(n, 2)))));
    ops.put(
        "TensorScatterUpdate",
        n -> n.out(Indexing.scatter(n.b, n.in(0), index(n, 1), n.in(2), "none")));
    ops.put(
        "TensorScatterAdd",
        n -> n.out(Indexing.scatter(n.b, n.in(0), index(n, 1), n.in(2), "add")));
    ops.put("OneHot", IndexOps::oneHot);
    ops.put("Where", n -> n.out(Indexing.nonZero(n.b, n.in(0))));
    ops.put("Unique", IndexOps::unique);
    ops.put("MatrixBandPart", IndexOps::band);
    ops.put("MatrixDiag", n -> n.out(diagonal(n)));
    for (String name : new String[] {"MatrixDiagV2", "MatrixDiagV3"}) {
      ops.put(
          name,
          n -> {
            boolean plain =
                n.knownOne(1, "diagonal") == 0
                    && n.knownOne(2, "number of rows") == -1
                    && n.knownOne(3, "number of columns") == -1
                    && n.knownFloat(4, "padding") == 0;
            if (!plain) {
              throw new Refusal("a diagonal beside the main one", "use the main diagonal");
            }
            n.out(diagonal(n));
          });
    }
    ops.put("SparseToDense", IndexOps::sparse);
    ops.put("Bucketize", IndexOps::bucketize);
    ops.put("NonMaxSuppressionV3", n -> suppress(n, false));
    ops.put("NonMaxSuppressionV4", n -> suppress(n, true));
    ops.put("NonMaxSuppressionV5", IndexOps::suppressSoft);
    ops.put("RandomUniform", n -> random(n, OpKind.RANDOM_UNIFORM));
    ops.put("RandomStandardNormal", n -> random(n, OpKind.RANDOM_STANDARD_NORMAL));
  }

  private static Value index(Node n, int input) {
    return n.b.cast(n.in(input), ElementType.INT32);
  }

  private static void gather(Node n, int axis) {
    Value x = n.in(0);
    int batch = n.integer("batch_dims", 0);
    batch = batch < 0 ? batch + Build.rank(n.in(1)) : batch;
    n.out(
        n.b.emit(
            Op.of(OpKind.GATHER)
                .set("axis", Build.axis(axis, Build.rank(x)))
                .set("batch_dims", batch)
                .inputs(x, n.in(1))));
  }

  private static void oneHot(Node n) {
    int axis = n.integer("axis", -1);
    n.out(
        n.b.emit(
            Op.of(OpKind.ONE_HOT)
                .set("axis", axis)
                .inputs(n.in(0), index(n, 1), n.in(2), n.in(3))));
  }

  private static void unique(Node n) {
    ElementType type = n.elementType("out_idx", Types.INT32);
    List<Value> found = n.b.emit(Op.of(OpKind.UNIQUE).set("idx_out_type", type).inputs(n.in(0)), 2);
    n.outs(found);
  }

  private static void band(Node n) {
    Value x = n.in(0);
    int rank = Build.rank(x);
    int[] d = Build.fixedFrom(x, rank - 2);
    int below = n.knownOne(1, "lower band");
    int above = n.knownOne(2, "upper band");
    float[] mask = new float[Build.count(d[rank - 2], d[rank - 1])];
    for (int i = 0; i < d[rank - 2]; i++) {
      for (int j = 0; j < d[rank - 1]; j++) {
        boolean kept = (below < 0 || i - j <= below) && (above < 0 || j - i <= above);
        mask[i * d[rank - 1] + j] = kept ? 1 : 0;
      }
    }
    Value m = n.b.floats(Shape.of(d[rank - 2], d[rank - 1]), mask);
    if (x.type() == ElementType.BOOL) {
      n.out(n.b.and(x, n.b.cast(m, ElementType.BOOL)));
    } else {
      n.out(n.b.mul(x, n.b.cast(m, x.type())));
    }
  }

  /** A vector on the diagonal of a matrix, as a product with the unit matrix. */
  private static Value diagonal(Node n) {
    Value x = n.in(0);
    int rank = Build.rank(x);
    int size = Build.fixedFrom(x, rank - 1)[rank - 1];
    float[] unit = new float[Build.count(size, size)];
    for (int i = 0; i < size; i++) {
      unit[i * size + i] = 1;
    }
    Value m = n.b.cast(n.b.floats(Shape.of(size, size), unit), x.type());
    return n.b.mul(n.b.unsqueeze(x, rank), m);
  }

  private static void sparse(Node n) {
    n.out(
        n.b.emit(
            Op.of(OpKind.SPARSE_TO_DENSE)
                .set("validate_indices", n.flag("validate_indices", true))
                .inputs(index(n, 0), index(n, 1), n.in(2), n.in(3))));
  }

  private static void bucketize(Node n) {
    var attr = n.attr("boundaries");
    float[] limits = attr == null || attr.list() == null ? new float[0] : attr.list().f();
    n.out(n.b.emit(Op.of(OpKind.BUCKETIZE).set("boundaries", limits).inputs(n.in(0))));
  }

  private static void suppress(Node n, boolean counts) {
    Value most = n.b.reshape(index(n, 2));
    List<Value> found =
        n.b.emit(
            Op.of(OpKind.NON_MAX_SUPPRESSION_V4)
                .inputs(n.in(0), n.in(1), most, n.b.reshape(n.in(3)), n.b.reshape(n.in(4))),
            2);
    if (counts) {
      if (!n.flag("pad_to_max_output_size", false)) {
        n.out(valid(n, found.get(0), found.get(1)));
        n.out(found.get(1));
        return;
      }
      n.outs(found);
      return;
    }
    n.out(valid(n, found.get(0), found.get(1)));
  }

  private static Value valid(Node n, Value padded, Value count) {
    return n.b.emit(Op.of(OpKind.SLICE).inputs(padded, n.b.ints(0), n.b.reshape(count, 1)));
  }

  private static void suppressSoft(Node n) {
    List<Value> found =
        n.b.emit(
            Op.of(OpKind.NON_MAX_SUPPRESSION_V5)
                .inputs(
                    n.in(0),
                    n.in(1),
                    n.b.reshape(index(n, 2)),
                    n.b.reshape(n.in(3)),
                    n.b.reshape(n.in(4)),
                    n.b.reshape(n.in(5))),
            3);
    if (n.flag("pad_to_max_output_size", false)) {
      n.outs(found);
      return;
    }
    n.out(valid(n, found.get(0), found.get(2)));
    n.out(valid(n, found.get(1), found.get(2)));
    n.out(found.get(2));
  }

  private static void random(Node n, OpKind kind) {
    int[] shape = n.known(0, "shape");
    if (Arrays.stream(shape).anyMatch(d -> d < 0)) {
      throw new Refusal("random numbers of an open shape", "give it a fixed shape");
    }
    n.out(
        n.b.emit(
            Op.of(kind)
                .set("seed", (long) n.integer("seed", 0))
                .set("seed2", (long) n.integer("seed2", 0))
                .inputs(n.b.ints(shape))));
  }
}
