// SPDX-License-Identifier: Apache-2.0
//
// One client session, byte for byte as protocol.md §1 has it.
package dev.svr2.host.e2e.transcript;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/** For one thread. */
final class Session {
  private static final byte[] SIMULATED = "SVR2SIM1".getBytes(StandardCharsets.US_ASCII);

  private final Wire wire;
  private final Noise noise;

  private Session(Wire wire, Noise noise) {
    this.wire = wire;
    this.noise = noise;
  }

  /** Evidence, then the handshake with the key in it. */
  static Session open(Wire wire, boolean hybrid) throws Exception {
    byte[] evidence = Pb.find(wire.receive(), 2);
    Noise noise = new Noise(hybrid, claim(evidence, "pk"));
    wire.send(noise.first());
    noise.second(wire.receive());
    return new Session(wire, noise);
  }

  /** §6: magic, measurement, attributes, then version, count, and the claims. */
  private static byte[] claim(byte[] evidence, String wanted) {
    ByteBuffer in = ByteBuffer.wrap(evidence).order(ByteOrder.LITTLE_ENDIAN);
    byte[] magic = new byte[8];
    in.get(magic);
    if (!Arrays.equals(SIMULATED, magic)) {
      throw new AssertionError("no simulated evidence");
    }
    in.position(8 + 32 + 8);
    if (in.getLong() != 1) {
      throw new AssertionError("claims of another version");
    }
    for (long left = in.getLong(); left > 0; left--) {
      byte[] name = new byte[(int) in.getLong()];
      byte[] value = new byte[(int) in.getLong()];
      in.get(name);
      in.get(value);
      if (new String(name, StandardCharsets.US_ASCII).equals(wanted + "\0")) {
        return value;
      }
    }
    throw new AssertionError("no claim " + wanted);
  }

  /** Sends a request; its response. */
  byte[] ask(byte[] request) throws Exception {
    wire.send(noise.encrypt(request));
    return noise.decrypt(wire.receive());
  }

  /** Sends a request and does not wait. */
  void tell(byte[] request) throws Exception {
    wire.send(noise.encrypt(request));
  }

  Wire wire() {
    return wire;
  }
}
