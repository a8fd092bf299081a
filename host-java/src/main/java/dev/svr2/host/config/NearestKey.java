// SPDX-License-Identifier: Apache-2.0
//
// Finds the key that someone most likely meant.
package dev.svr2.host.config;

import java.util.Collection;
import java.util.Comparator;
import java.util.Optional;

/** Edit distance over configuration keys. */
final class NearestKey {
  private NearestKey() {}

  /**
   * The known key nearest to {@code path}, within a third of its length in edits. A name in another
   * section, or without one, is as near as one edit. Empty when nothing is near.
   */
  static Optional<String> find(String path, Collection<String> known) {
    int limit = Math.max(2, lastName(path).length() / 3);
    return known.stream()
        .filter(key -> cost(path, key) <= limit)
        .min(Comparator.<String>comparingInt(key -> cost(path, key)).thenComparing(key -> key));
  }

  private static int cost(String path, String key) {
    return Math.min(distance(path, key), distance(lastName(path), lastName(key)) + 1);
  }

  private static String lastName(String path) {
    return path.substring(path.lastIndexOf('.') + 1);
  }

  /** Insertions, deletions, replacements and swaps of neighbours that turn one into the other. */
  static int distance(String from, String to) {
    int[][] cost = new int[from.length() + 1][to.length() + 1];
    for (int i = 0; i <= from.length(); i++) {
      for (int j = 0; j <= to.length(); j++) {
        if (i == 0 || j == 0) {
          cost[i][j] = i + j;
          continue;
        }
        boolean same = from.charAt(i - 1) == to.charAt(j - 1);
        int best = cost[i - 1][j - 1] + (same ? 0 : 1);
        best = Math.min(best, Math.min(cost[i - 1][j], cost[i][j - 1]) + 1);
        boolean swapped =
            i > 1
                && j > 1
                && from.charAt(i - 1) == to.charAt(j - 2)
                && from.charAt(i - 2) == to.charAt(j - 1);
        cost[i][j] = swapped ? Math.min(best, cost[i - 2][j - 2] + 1) : best;
      }
    }
    return cost[from.length()][to.length()];
  }
}
