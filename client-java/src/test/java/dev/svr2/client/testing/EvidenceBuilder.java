// SPDX-License-Identifier: Apache-2.0
//
// Makes simulated evidence, right or wrong in any place. For tests only; written from protocol.md
// §6, not from the verifier.
package dev.svr2.client.testing;

import com.google.protobuf.ByteString;
import dev.svr2.proto.ClientHandshakeStart;
import dev.svr2.proto.MinimumLimits;
import dev.svr2.proto.RaftGroupConfig;
import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;

/** A good piece of evidence unless told otherwise. */
public final class EvidenceBuilder {
  public static final RaftGroupConfig GROUP =
      RaftGroupConfig.newBuilder()
          .setGroupId(0x0123456789abcdefL)
          .setMinVotingReplicas(1)
          .setMaxVotingReplicas(1)
          .setSuperMajority(0)
          .setDbVersion(2)
          .setAttestationTimeout(604_800)
          .setSimulated(true)
          .build();

  public String magic = "SVR2SIM1";
  public byte[] measurement = new byte[32];
  public long attributes;
  public long version = 1;
  public Long count;
  public byte[] endorsement = new byte[0];
  public byte[] trailing = new byte[0];
  public final Map<String, byte[]> claims = new LinkedHashMap<>();

  public EvidenceBuilder(byte[] publicKey) {
    Arrays.fill(measurement, (byte) 0xa5);
    claims.put("pk\0", publicKey);
    claims.put("config\0", GROUP.toByteArray());
    claims.put("minimum_limits\0", MinimumLimits.getDefaultInstance().toByteArray());
  }

  /** Replaces or adds a claim; the name goes in as it is, NUL included. */
  public EvidenceBuilder claim(String nameWithNul, byte[] value) {
    claims.put(nameWithNul, value);
    return this;
  }

  public EvidenceBuilder group(RaftGroupConfig.Builder group) {
    return claim("config\0", group.build().toByteArray());
  }

  public byte[] evidence() {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    out.writeBytes(magic.getBytes(StandardCharsets.US_ASCII));
    out.writeBytes(measurement);
    out.writeBytes(u64(attributes));
    out.writeBytes(u64(version));
    out.writeBytes(u64(count == null ? claims.size() : count));
    claims.forEach(
        (name, value) -> {
          out.writeBytes(u64(name.length()));
          out.writeBytes(u64(value.length));
          out.writeBytes(name.getBytes(StandardCharsets.ISO_8859_1));
          out.writeBytes(value);
        });
    out.writeBytes(trailing);
    return out.toByteArray();
  }

  /** A serialized ClientHandshakeStart; its test_only_pubkey is a wrong one, to be ignored. */
  public byte[] handshakeStart() {
    return ClientHandshakeStart.newBuilder()
        .setTestOnlyPubkey(ByteString.copyFrom(new byte[32]))
        .setEvidence(ByteString.copyFrom(evidence()))
        .setEndorsement(ByteString.copyFrom(endorsement))
        .build()
        .toByteArray();
  }

  public static byte[] u64(long value) {
    return ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN).putLong(value).array();
  }
}
