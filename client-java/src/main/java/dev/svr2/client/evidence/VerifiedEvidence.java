// SPDX-License-Identifier: Apache-2.0
//
// What verified evidence says. Verified means: it has the layout and the signatures that its format
// asks for. Whether it speaks of the *right* enclave and group is decided against pins.
package dev.svr2.client.evidence;

import java.time.Instant;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * The facts that evidence binds together. Immutable; arrays are copied out.
 *
 * @since 0.1
 */
public final class VerifiedEvidence {
  private final boolean simulated;
  private final boolean debug;
  private final byte[] measurement;
  private final byte[] publicKey;
  private final GroupConfig group;
  private final SortedMap<String, byte[]> minimums;

  private final TcbStatus tcbStatus;
  private final List<String> advisories;
  private final long evaluationNumber;
  private final Validity validity;

  /** Of hardware. */
  VerifiedEvidence(SgxQuote.Report report, ClaimsBlock claims, Collateral collateral) {
    this.simulated = false;
    this.debug = report.debug();
    this.measurement = report.mrenclave();
    this.publicKey = claims.publicKey.clone();
    this.group = claims.group;
    this.minimums = claims.minimums;
    this.tcbStatus = collateral.level.status;
    this.advisories = collateral.level.advisories;
    this.evaluationNumber = collateral.evaluationNumber;
    this.validity = collateral.validity;
  }

  /** Simulated. */
  VerifiedEvidence(boolean simulated, boolean debug, byte[] measurement, ClaimsBlock claims) {
    this.simulated = simulated;
    this.debug = debug;
    this.measurement = measurement.clone();
    this.publicKey = claims.publicKey.clone();
    this.group = claims.group;
    this.minimums = claims.minimums;
    this.tcbStatus = null;
    this.advisories = Collections.emptyList();
    this.evaluationNumber = 0;
    this.validity = Validity.ALWAYS;
  }

  /** True when nothing signed it: the format for platforms that protect nothing. */
  public boolean simulated() {
    return simulated;
  }

  /** True when the enclave's operator can read its memory. */
  public boolean debug() {
    return debug;
  }

  /** What program runs, 32 bytes. */
  public byte[] measurement() {
    return measurement.clone();
  }

  /** The server's static X25519 key for client sessions, 32 bytes. */
  public byte[] publicKey() {
    return publicKey.clone();
  }

  /** The group that the replica belongs to. */
  public GroupConfig group() {
    return group;
  }

  /** The group's minimums by name, a copy. */
  public SortedMap<String, byte[]> minimums() {
    SortedMap<String, byte[]> copy = new TreeMap<>();
    minimums.forEach((name, value) -> copy.put(name, value.clone()));
    return Collections.unmodifiableSortedMap(copy);
  }

  /** What Intel says of the platform; empty for simulated evidence. */
  public Optional<TcbStatus> tcbStatus() {
    return Optional.ofNullable(tcbStatus);
  }

  /** Advisories that apply to the platform, such as INTEL-SA-00615; unmodifiable. */
  public List<String> advisories() {
    return advisories;
  }

  /** The number of Intel's evaluation that the status comes from; 0 for simulated evidence. */
  public long evaluationNumber() {
    return evaluationNumber;
  }

  /**
   * From when on all parts of the evidence are valid; empty for simulated evidence, which has no
   * dates.
   */
  public Optional<Instant> validFrom() {
    return simulated ? Optional.empty() : Optional.of(validity.from);
  }

  /** Until when all parts of the evidence are valid; empty for simulated evidence. */
  public Optional<Instant> validTo() {
    return simulated ? Optional.empty() : Optional.of(validity.to);
  }
}
