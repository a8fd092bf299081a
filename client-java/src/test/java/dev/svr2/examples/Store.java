// SPDX-License-Identifier: Apache-2.0
package dev.svr2.examples;

import dev.svr2.client.BackupResult;
import dev.svr2.client.Credentials;
import dev.svr2.client.Pins;
import dev.svr2.client.Svr2Client;
import dev.svr2.client.grpc.GrpcTransport;
import dev.svr2.client.pin.Pin;
import dev.svr2.client.transport.Transport;
import java.nio.file.Files;
import java.nio.file.Path;

/** Stores a new master key under a PIN. */
public final class Store {
  private Store() {}

  /** HOST:PORT, pin file, USER:PASSWORD, PIN, file with 32 bytes. */
  public static void main(String[] args) throws Exception {
    System.out.println(store(args[0], Path.of(args[1]), args[2], args[3], Path.of(args[4])));
  }

  /** The whole use, in the lines between the braces. */
  public static BackupResult store(
      String target, Path pinFile, String credentials, String typed, Path masterKey)
      throws Exception {
    Pins pins = Pins.parse(Files.readString(pinFile));
    try (Transport transport = GrpcTransport.plaintext(target);
        Pin pin = Pin.of(typed.toCharArray())) {
      Svr2Client client =
          Svr2Client.builder()
              .transport(transport)
              .credentials(Credentials.parse(credentials))
              .pins(pins)
              .allowSimulated(!pins.isProtected()) // For `make run`; leave this line out.
              .build();
      return client.backup(pin, Files.readAllBytes(masterKey), 10);
    }
  }
}
