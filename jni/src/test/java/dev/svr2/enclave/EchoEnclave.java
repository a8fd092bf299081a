// SPDX-License-Identifier: Apache-2.0
package dev.svr2.enclave;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CopyOnWriteArrayList;

/** The echo image (src/test/native/echo_enclave.cc) and how to talk to it. */
final class EchoEnclave {
  static final Path IMAGE = Path.of(System.getProperty("svr2.echo.image", "no svr2.echo.image"));
  static final byte[] CONFIG = "config".getBytes(StandardCharsets.US_ASCII);

  private EchoEnclave() {}

  static Enclave load(OutputHandler output) throws EnclaveException {
    if (!Files.exists(IMAGE)) {
      throw new AssertionError(IMAGE + " is missing; `make -C jni echo` makes it");
    }
    return Enclave.load(Platform.LOCAL, IMAGE, Set.of(), output);
  }

  static Enclave start(OutputHandler output) throws EnclaveException {
    Enclave enclave = load(output);
    enclave.init(CONFIG);
    return enclave;
  }

  /** Collects what comes out. */
  static final class Outputs implements OutputHandler {
    final List<byte[]> messages = new CopyOnWriteArrayList<>();

    @Override
    public void onOutput(byte[] enclaveToHostMessage) {
      messages.add(enclaveToHostMessage);
    }

    byte[] only() {
      if (messages.size() != 1) {
        throw new AssertionError(messages.size() + " messages came out, not one");
      }
      return messages.remove(0);
    }

    long onlyNumber() {
      return ByteBuffer.wrap(only()).order(ByteOrder.LITTLE_ENDIAN).getLong();
    }
  }

  static byte[] command(char command) {
    return new byte[] {(byte) command};
  }

  static byte[] command(char command, int number) {
    return ByteBuffer.allocate(5)
        .order(ByteOrder.LITTLE_ENDIAN)
        .put((byte) command)
        .putInt(number)
        .array();
  }
}
