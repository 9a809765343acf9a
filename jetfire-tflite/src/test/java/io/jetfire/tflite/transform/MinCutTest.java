package io.jetfire.tflite.transform;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Random;
import org.junit.jupiter.api.Test;

class MinCutTest {
  @Test
  void findsTheCheapestOfAllCuts() {
    Random random = new Random(1);
    for (int trial = 0; trial < 300; trial++) {
      int n = 2 + random.nextInt(8);
      MinCut cut = new MinCut();
      for (int i = 2; i < n; i++) {
        cut.addNode();
      }
      long[][] c = new long[n][n];
      for (int k = 0; k < 3 * n; k++) {
        int a = random.nextInt(n);
        int b = random.nextInt(n);
        int w = random.nextInt(20);
        if (a != b) {
          c[a][b] += w;
          cut.addEdge(a, b, w);
        }
      }
      boolean[] sink = cut.solve();
      long best = Long.MAX_VALUE;
      for (int mask = 0; mask < 1 << n; mask++) {
        if ((mask & 1) == 0 && (mask >> 1 & 1) == 1) {
          boolean[] side = new boolean[n];
          for (int i = 0; i < n; i++) {
            side[i] = (mask >> i & 1) == 1;
          }
          best = Math.min(best, cost(c, side));
        }
      }
      assertThat(sink[0]).isFalse();
      assertThat(sink[1]).isTrue();
      assertThat(cost(c, sink)).isEqualTo(best);
    }
  }

  private static long cost(long[][] c, boolean[] sink) {
    long sum = 0;
    for (int a = 0; a < c.length; a++) {
      for (int b = 0; b < c.length; b++) {
        sum += !sink[a] && sink[b] ? c[a][b] : 0;
      }
    }
    return sum;
  }
}
