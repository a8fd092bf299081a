// SPDX-License-Identifier: Apache-2.0
package dev.svr2.host.load;

import com.google.common.base.Splitter;
import java.util.EnumMap;
import java.util.Locale;
import java.util.Map;
import java.util.Random;

/** Which operations, and how often each. Immutable. */
public final class Mix {
  /** What a client does; each is a session of its own: connect, handshake, requests, close. */
  public enum Operation {
    BACKUP,
    RESTORE,
    TRIES
  }

  private final Map<Operation, Integer> weights;
  private final int total;

  private Mix(Map<Operation, Integer> weights) {
    this.weights = weights;
    this.total = weights.values().stream().mapToInt(Integer::intValue).sum();
  }

  /**
   * Reads {@code restore=9,backup=1}.
   *
   * @throws IllegalArgumentException with what is wrong
   */
  public static Mix parse(String text) {
    Map<Operation, Integer> weights = new EnumMap<>(Operation.class);
    for (String part : Splitter.on(',').trimResults().omitEmptyStrings().split(text)) {
      int equals = part.indexOf('=');
      String name = equals < 0 ? part : part.substring(0, equals).strip();
      String weight = equals < 0 ? "1" : part.substring(equals + 1).strip();
      if (!weight.matches("[0-9]{1,6}")) {
        throw new IllegalArgumentException("'" + weight + "' is no weight of " + name);
      }
      try {
        Operation operation = Operation.valueOf(name.toUpperCase(Locale.ROOT));
        if (weights.put(operation, Integer.parseInt(weight)) != null) {
          throw new IllegalArgumentException(name + " stands there twice");
        }
      } catch (IllegalArgumentException e) {
        if (e.getMessage().contains("twice")) {
          throw e;
        }
        throw new IllegalArgumentException("'" + name + "' is none of backup, restore and tries");
      }
    }
    Mix mix = new Mix(weights);
    if (mix.total == 0) {
      throw new IllegalArgumentException("no operation has a weight");
    }
    return mix;
  }

  Operation choose(Random random) {
    int at = random.nextInt(total);
    for (Map.Entry<Operation, Integer> one : weights.entrySet()) {
      at -= one.getValue();
      if (at < 0) {
        return one.getKey();
      }
    }
    throw new AssertionError("the weights add up");
  }
}
