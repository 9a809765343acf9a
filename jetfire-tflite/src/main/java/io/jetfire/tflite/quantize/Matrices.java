package io.jetfire.tflite.quantize;

import java.util.Arrays;

/**
 * The few dense kernels that fitting weights needs.
 *
 * <p>Matrices are arrays of rows. Inner loops work on whole rows of separate arrays, because that
 * is the form that HotSpot turns into vector instructions (about five times faster than one flat
 * array, measured).
 */
final class Matrices {
  private Matrices() {}

  /** Rows that are worked on together, so that they stay in the processor's cache. */
  private static final int BLOCK = 64;

  /** Multiplications below which a second thread is not worth starting. */
  private static final double LEAST_SHARED = 8e6;

  /**
   * Adds aᵀ·b to c, or only its upper triangle.
   *
   * @param c k × k
   * @param a rows of k numbers
   * @param b rows of k numbers
   * @param rows how many rows count
   * @param upper whether the part of c below the diagonal is left alone
   */
  static void addProduct(float[][] c, float[][] a, float[][] b, int rows, boolean upper) {
    int k = c.length;
    boolean shared = (double) k * k * rows * (upper ? 0.5 : 1) > LEAST_SHARED;
    Parallel.run(
        shared ? k : 1,
        (share, shares) -> {
          for (int from = 0; from < rows; from += BLOCK) {
            int to = Math.min(rows, from + BLOCK);
            for (int i = share; i < k; i += shares) {
              addProduct(c[i], i, a, b, from, to, upper ? i : 0);
            }
          }
        });
  }

  private static void addProduct(
      float[] c, int i, float[][] a, float[][] b, int from, int to, int first) {
    int r = from;
    for (; r + 4 <= to; r += 4) {
      addRows(
          c,
          first,
          a[r][i],
          a[r + 1][i],
          a[r + 2][i],
          a[r + 3][i],
          b[r],
          b[r + 1],
          b[r + 2],
          b[r + 3]);
    }
    for (; r < to; r++) {
      addRow(c, first, c.length, a[r][i], b[r]);
    }
  }

  private static void addRows(
      float[] c,
      int from,
      float a0,
      float a1,
      float a2,
      float a3,
      float[] b0,
      float[] b1,
      float[] b2,
      float[] b3) {
    for (int j = from; j < c.length; j++) {
      c[j] += a0 * b0[j] + a1 * b1[j] + a2 * b2[j] + a3 * b3[j];
    }
  }

  private static void addRow(float[] c, int from, int to, float a, float[] b) {
    for (int j = from; j < to; j++) {
      c[j] += a * b[j];
    }
  }

  /**
   * Adds Σ a[i]·b[i] over rows i to a row.
   *
   * @param n how many numbers of each row count
   * @param from the first row
   * @param to behind the last row
   */
  static void addRows(double[] c, int n, double[] a, double[][] b, int from, int to) {
    int i = from;
    for (; i + 4 <= to; i += 4) {
      addRows(c, n, a[i], a[i + 1], a[i + 2], a[i + 3], b[i], b[i + 1], b[i + 2], b[i + 3]);
    }
    for (; i < to; i++) {
      addRow(c, 0, n, a[i], b[i]);
    }
  }

  private static void addRows(
      double[] c,
      int n,
      double a0,
      double a1,
      double a2,
      double a3,
      double[] b0,
      double[] b1,
      double[] b2,
      double[] b3) {
    for (int j = 0; j < n; j++) {
      c[j] = c[j] + a0 * b0[j] + a1 * b1[j] + a2 * b2[j] + a3 * b3[j];
    }
  }

  /** A copy of the lower triangle: row i has i + 1 numbers. */
  static double[][] lower(double[][] symmetric) {
    double[][] rows = new double[symmetric.length][];
    for (int i = 0; i < rows.length; i++) {
      rows[i] = Arrays.copyOf(symmetric[i], i + 1);
    }
    return rows;
  }

  /** Adds a·b to c, elements {@code from} to {@code to}. */
  static void addRow(double[] c, int from, int to, double a, double[] b) {
    for (int j = from; j < to; j++) {
      c[j] += a * b[j];
    }
  }

  /**
   * Factors a symmetric positive definite matrix as U·Uᵀ with U upper triangular, in place.
   *
   * <p>Works from the last column to the first, so that row operations stay contiguous: it returns
   * the transpose L of U, L lower triangular, U = Lᵀ, that is h = Lᵀ·L.
   *
   * @param h the lower triangle, as {@link #lower} makes it; overwritten by L
   * @return false if the matrix is not positive definite
   */
  static boolean factorReversed(double[][] h) {
    int n = h.length;
    for (int j = n - 1; j >= 0; j--) {
      double[] row = h[j];
      double pivot = row[j];
      if (!(pivot > 0) || !Double.isFinite(pivot)) {
        return false;
      }
      double inverse = 1 / Math.sqrt(pivot);
      for (int i = 0; i <= j; i++) {
        row[i] *= inverse;
      }
      for (int i = 0; i < j; i++) {
        addRow(h[i], 0, i + 1, -row[i], row);
      }
    }
    return true;
  }

  /**
   * Solves (Lᵀ·L)·x = b for many right sides at once.
   *
   * @param l lower triangle, of {@link #factorReversed}
   * @param b one row per unknown, one column per right side; overwritten by x
   */
  static void solve(double[][] l, double[][] b) {
    int n = l.length;
    int m = n == 0 ? 0 : b[0].length;
    // Lᵀ·y = b: from the last unknown to the first, column i of Lᵀ is row i of L.
    for (int i = n - 1; i >= 0; i--) {
      scale(b[i], 1 / l[i][i]);
      for (int k = 0; k < i; k++) {
        addRow(b[k], 0, m, -l[i][k], b[i]);
      }
    }
    // L·x = y: from the first to the last.
    double[] known = new double[m];
    for (int i = 0; i < n; i++) {
      Arrays.fill(known, 0);
      addRows(known, m, l[i], b, 0, i);
      addRow(b[i], 0, m, -1, known);
      scale(b[i], 1 / l[i][i]);
    }
  }

  private static void scale(double[] row, double factor) {
    for (int i = 0; i < row.length; i++) {
      row[i] *= factor;
    }
  }
}
