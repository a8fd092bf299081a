// SPDX-License-Identifier: Apache-2.0
//
// What a group is, as its evidence binds it and as a client pins it. Source: protocol.md §6.
package dev.svr2.client.evidence;

import com.google.protobuf.InvalidProtocolBufferException;
import dev.svr2.proto.RaftGroupConfig;
import java.util.Objects;

/**
 * A group's configuration: every field of RaftGroupConfig. Immutable.
 *
 * @since 0.1
 */
public final class GroupConfig {
  private static final long UINT32_MAX = 0xffff_ffffL;

  private final long groupId;
  private final long minVotingReplicas;
  private final long maxVotingReplicas;
  private final long superMajority;
  private final long dbVersion;
  private final long attestationTimeoutSeconds;
  private final boolean simulated;

  private GroupConfig(Builder b) {
    groupId = b.groupId;
    minVotingReplicas = b.minVotingReplicas;
    maxVotingReplicas = b.maxVotingReplicas;
    superMajority = b.superMajority;
    dbVersion = b.dbVersion;
    attestationTimeoutSeconds = b.attestationTimeoutSeconds;
    simulated = b.simulated;
  }

  /** A builder with every value zero or false. */
  public static Builder builder() {
    return new Builder();
  }

  /**
   * Parses the claim {@code config}.
   *
   * @throws InvalidProtocolBufferException when it is no RaftGroupConfig, or holds a field that is
   *     not known here: a client could not pin that one, so it is not taken.
   */
  static GroupConfig parse(byte[] serialized) throws InvalidProtocolBufferException {
    RaftGroupConfig proto = RaftGroupConfig.parseFrom(serialized);
    if (proto.getUnknownFields().getSerializedSize() != 0) {
      throw new InvalidProtocolBufferException("a field that is not known");
    }
    return builder()
        .groupId(proto.getGroupId())
        .minVotingReplicas(Integer.toUnsignedLong(proto.getMinVotingReplicas()))
        .maxVotingReplicas(Integer.toUnsignedLong(proto.getMaxVotingReplicas()))
        .superMajority(Integer.toUnsignedLong(proto.getSuperMajority()))
        .dbVersion(Integer.toUnsignedLong(proto.getDbVersion()))
        .attestationTimeoutSeconds(Integer.toUnsignedLong(proto.getAttestationTimeout()))
        .simulated(proto.getSimulated())
        .build();
  }

  /** Drawn at random when the group was founded; an unsigned 64-bit number. */
  public long groupId() {
    return groupId;
  }

  /** The group id as 16 lowercase hexadecimal digits. */
  public String groupIdHex() {
    StringBuilder digits = new StringBuilder(Long.toHexString(groupId));
    while (digits.length() < 16) {
      digits.insert(0, '0');
    }
    return digits.toString();
  }

  /** Fewest voters with which the group takes requests. */
  public long minVotingReplicas() {
    return minVotingReplicas;
  }

  /** Most voters that the group takes. */
  public long maxVotingReplicas() {
    return maxVotingReplicas;
  }

  /** Number of rolled-back voters that cannot make the group forget a guess. */
  public long superMajority() {
    return superMajority;
  }

  /** Version of the database's rules. */
  public long dbVersion() {
    return dbVersion;
  }

  /** Seconds after which evidence is too old. */
  public long attestationTimeoutSeconds() {
    return attestationTimeoutSeconds;
  }

  /** True on platforms that protect nothing. */
  public boolean simulated() {
    return simulated;
  }

  @Override
  public boolean equals(Object other) {
    if (!(other instanceof GroupConfig)) {
      return false;
    }
    GroupConfig o = (GroupConfig) other;
    return groupId == o.groupId
        && minVotingReplicas == o.minVotingReplicas
        && maxVotingReplicas == o.maxVotingReplicas
        && superMajority == o.superMajority
        && dbVersion == o.dbVersion
        && attestationTimeoutSeconds == o.attestationTimeoutSeconds
        && simulated == o.simulated;
  }

  @Override
  public int hashCode() {
    return Objects.hash(
        groupId,
        minVotingReplicas,
        maxVotingReplicas,
        superMajority,
        dbVersion,
        attestationTimeoutSeconds,
        simulated);
  }

  @Override
  public String toString() {
    return "group " + groupIdHex();
  }

  /** Collects the values; every uint32 is checked to be one. Not thread-safe. */
  public static final class Builder {
    private long groupId;
    private long minVotingReplicas;
    private long maxVotingReplicas;
    private long superMajority;
    private long dbVersion;
    private long attestationTimeoutSeconds;
    private boolean simulated;

    private Builder() {}

    /** See {@link GroupConfig#groupId()}. */
    public Builder groupId(long value) {
      groupId = value;
      return this;
    }

    /** See {@link GroupConfig#minVotingReplicas()}. */
    public Builder minVotingReplicas(long value) {
      minVotingReplicas = uint32(value);
      return this;
    }

    /** See {@link GroupConfig#maxVotingReplicas()}. */
    public Builder maxVotingReplicas(long value) {
      maxVotingReplicas = uint32(value);
      return this;
    }

    /** See {@link GroupConfig#superMajority()}. */
    public Builder superMajority(long value) {
      superMajority = uint32(value);
      return this;
    }

    /** See {@link GroupConfig#dbVersion()}. */
    public Builder dbVersion(long value) {
      dbVersion = uint32(value);
      return this;
    }

    /** See {@link GroupConfig#attestationTimeoutSeconds()}. */
    public Builder attestationTimeoutSeconds(long value) {
      attestationTimeoutSeconds = uint32(value);
      return this;
    }

    /** See {@link GroupConfig#simulated()}. */
    public Builder simulated(boolean value) {
      simulated = value;
      return this;
    }

    /** The configuration; the builder may be used on. */
    public GroupConfig build() {
      return new GroupConfig(this);
    }

    private static long uint32(long value) {
      if (value < 0 || value > UINT32_MAX) {
        throw new IllegalArgumentException("not an unsigned 32-bit number: " + value);
      }
      return value;
    }
  }
}
