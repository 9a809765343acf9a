package io.jetfire.tflite.transform;

import java.util.ArrayDeque;
import java.util.Arrays;

/**
 * A minimum cut between two nodes of a directed graph with capacities, by Dinic's method (E. A.
 * Dinic, 1970): breadth-first levels, then augmenting along them.
 */
final class MinCut {
  /** A capacity that is never cut. */
  static final long INFINITE = Long.MAX_VALUE / 4;

  static final int SOURCE = 0;
  static final int SINK = 1;

  private int nodes = 2;
  private int edges;
  private int[] to = new int[16];
  private int[] next = new int[16];
  private long[] capacity = new long[16];
  private int[] head = {-1, -1};

  int addNode() {
    if (nodes == head.length) {
      int old = head.length;
      head = Arrays.copyOf(head, old * 2);
      Arrays.fill(head, old, head.length, -1);
    }
    head[nodes] = -1;
    return nodes++;
  }

  /** The capacity is paid if {@code from} ends on the source's side and {@code target} does not. */
  void addEdge(int from, int target, long c) {
    if (from != target) {
      add(from, target, c);
      add(target, from, 0);
    }
  }

  private void add(int from, int target, long c) {
    if (edges == to.length) {
      to = Arrays.copyOf(to, edges * 2);
      next = Arrays.copyOf(next, edges * 2);
      capacity = Arrays.copyOf(capacity, edges * 2);
    }
    to[edges] = target;
    capacity[edges] = c;
    next[edges] = head[from];
    head[from] = edges++;
  }

  /** Finds a minimum cut; true for nodes on the sink's side, as few as possible on the source's. */
  boolean[] solve() {
    int[] level = new int[nodes];
    int[] cursor = new int[nodes];
    while (levels(level)) {
      System.arraycopy(head, 0, cursor, 0, nodes);
      augment(level, cursor);
    }
    boolean[] sinkSide = new boolean[nodes];
    for (int i = 0; i < nodes; i++) {
      sinkSide[i] = level[i] < 0;
    }
    return sinkSide;
  }

  private boolean levels(int[] level) {
    Arrays.fill(level, -1);
    level[SOURCE] = 0;
    ArrayDeque<Integer> queue = new ArrayDeque<>();
    queue.add(SOURCE);
    while (!queue.isEmpty()) {
      int u = queue.poll();
      for (int e = head[u]; e >= 0; e = next[e]) {
        if (capacity[e] > 0 && level[to[e]] < 0) {
          level[to[e]] = level[u] + 1;
          queue.add(to[e]);
        }
      }
    }
    return level[SINK] >= 0;
  }

  private void augment(int[] level, int[] cursor) {
    int[] path = new int[nodes];
    int depth = 0;
    int u = SOURCE;
    while (true) {
      if (u == SINK) {
        long flow = INFINITE;
        for (int i = 0; i < depth; i++) {
          flow = Math.min(flow, capacity[path[i]]);
        }
        int back = 0;
        for (int i = depth - 1; i >= 0; i--) {
          capacity[path[i]] -= flow;
          capacity[path[i] ^ 1] += flow;
          if (capacity[path[i]] == 0) {
            back = i;
          }
        }
        depth = back;
        u = to[path[back] ^ 1];
        continue;
      }
      int e = cursor[u];
      while (e >= 0 && (capacity[e] <= 0 || level[to[e]] != level[u] + 1)) {
        e = next[e];
      }
      cursor[u] = e;
      if (e >= 0) {
        path[depth++] = e;
        u = to[e];
      } else if (u == SOURCE) {
        return;
      } else {
        u = to[path[--depth] ^ 1];
        cursor[u] = next[cursor[u]];
      }
    }
  }
}
