// SPDX-License-Identifier: Apache-2.0
//
// What a client demands of a server's evidence: which program, which group, which handshake, which
// floor of minimums and which advisories it lives with. Source: protocol.md §6, cli.md "Pin file".
package dev.svr2.client;

import dev.svr2.client.evidence.GroupConfig;
import dev.svr2.client.internal.Hex;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * The pins of one group. Immutable. Text form: {@link #toJson()} and {@link #parse(String)}.
 *
 * @since 0.1
 */
public final class Pins {
  /** Size of a measurement in bytes. */
  public static final int MEASUREMENT_BYTES = 32;

  private final byte[] measurement;
  private final GroupConfig group;
  private final Handshake handshake;
  private final SortedMap<String, byte[]> minimums;
  private final List<String> advisories;
  private final boolean isProtected;

  /**
   * Pins from their parts, which are copied.
   *
   * @param measurement 32 bytes
   * @param handshake the one that the group offers
   * @param minimums lowest accepted value of each named minimum, as big-endian numbers
   * @param advisories software advisories accepted all the same, such as INTEL-SA-00615
   * @param isProtected false for a group that protects nothing; must be the opposite of {@code
   *     group.simulated()}
   * @throws IllegalArgumentException when a part is outside these limits
   */
  public Pins(
      byte[] measurement,
      GroupConfig group,
      Handshake handshake,
      Map<String, byte[]> minimums,
      List<String> advisories,
      boolean isProtected) {
    if (measurement.length != MEASUREMENT_BYTES) {
      throw new IllegalArgumentException("measurement must have 32 bytes");
    }
    if (isProtected == group.simulated()) {
      throw new IllegalArgumentException("protected must be the opposite of group.simulated");
    }
    this.measurement = measurement.clone();
    this.group = Objects.requireNonNull(group);
    this.handshake = Objects.requireNonNull(handshake);
    this.minimums = copy(minimums);
    this.advisories = Collections.unmodifiableList(new ArrayList<>(advisories));
    this.isProtected = isProtected;
  }

  /**
   * Reads a pin file strictly: each key exactly once, none unknown, sizes as they should be.
   *
   * @throws PinsException with the place and what was expected there
   */
  public static Pins parse(String json) throws PinsException {
    return PinsJson.read(json);
  }

  /** The pin file's text, keys in the order of cli.md, ending in a newline. */
  public String toJson() {
    return PinsJson.write(this);
  }

  /** The program's measurement, 32 bytes, a copy. */
  public byte[] measurement() {
    return measurement.clone();
  }

  /** The group's configuration. */
  public GroupConfig group() {
    return group;
  }

  /** The handshake that the group offers. */
  public Handshake handshake() {
    return handshake;
  }

  /** The floor of each minimum, a copy. */
  public SortedMap<String, byte[]> minimums() {
    return copy(minimums);
  }

  /** Accepted software advisories. */
  public List<String> advisories() {
    return advisories;
  }

  /** False: NOT PROTECTED, the group runs on a platform that protects nothing. */
  public boolean isProtected() {
    return isProtected;
  }

  @Override
  public boolean equals(Object other) {
    if (!(other instanceof Pins)) {
      return false;
    }
    Pins o = (Pins) other;
    return Arrays.equals(measurement, o.measurement)
        && group.equals(o.group)
        && handshake == o.handshake
        && hex(minimums).equals(hex(o.minimums))
        && advisories.equals(o.advisories)
        && isProtected == o.isProtected;
  }

  @Override
  public int hashCode() {
    return Objects.hash(Arrays.hashCode(measurement), group, handshake, hex(minimums), advisories);
  }

  @Override
  public String toString() {
    return "pins of " + group + (isProtected ? "" : " (NOT PROTECTED)");
  }

  private static SortedMap<String, byte[]> copy(Map<String, byte[]> from) {
    SortedMap<String, byte[]> out = new TreeMap<>();
    from.forEach((name, value) -> out.put(name, value.clone()));
    return out;
  }

  private static SortedMap<String, String> hex(Map<String, byte[]> from) {
    SortedMap<String, String> out = new TreeMap<>();
    from.forEach((name, value) -> out.put(name, Hex.encode(value)));
    return out;
  }
}
