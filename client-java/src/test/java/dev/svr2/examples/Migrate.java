// SPDX-License-Identifier: Apache-2.0
package dev.svr2.examples;

import dev.svr2.client.Credentials;
import dev.svr2.client.Migration;
import dev.svr2.client.MigrationResult;
import dev.svr2.client.Pins;
import dev.svr2.client.SealedState;
import dev.svr2.client.StateSaver;
import dev.svr2.client.Svr2Client;
import dev.svr2.client.grpc.GrpcTransport;
import dev.svr2.client.pin.Pin;
import dev.svr2.client.transport.Transport;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;

/** Moves a master key to a new group; may be killed at any moment and run again. */
public final class Migrate {
  private Migrate() {}

  /** Old HOST:PORT and pin file, new ones, USER:PASSWORD, PIN, state file, file with its key. */
  public static void main(String[] args) throws Exception {
    System.out.println(
        migrate(
            args[0],
            Path.of(args[1]),
            args[2],
            Path.of(args[3]),
            args[4],
            args[5],
            Path.of(args[6]),
            Files.readAllBytes(Path.of(args[7]))));
  }

  /** Begins, or goes on with what the state file says. */
  public static MigrationResult migrate(
      String oldTarget,
      Path oldPins,
      String newTarget,
      Path newPins,
      String credentials,
      String typed,
      Path stateFile,
      byte[] stateKey)
      throws Exception {
    try (Transport oldWay = GrpcTransport.plaintext(oldTarget);
        Transport newWay = GrpcTransport.plaintext(newTarget);
        Pin pin = Pin.of(typed.toCharArray())) {
      Svr2Client from = client(oldWay, oldPins, credentials);
      Svr2Client to = client(newWay, newPins, credentials);
      StateSaver saver = SealedState.saver(stateKey, state -> replace(stateFile, state));
      try (Migration migration =
          Files.exists(stateFile)
              ? Migration.fromBytes(
                  from, to, SealedState.open(Files.readAllBytes(stateFile), stateKey))
              : Migration.start(from, to, 10)) {
        return migration.run(pin, saver);
      }
    }
  }

  /** All or nothing: a crash leaves the old state or the new one. */
  private static void replace(Path file, byte[] state) throws IOException {
    Path fresh = file.resolveSibling(file.getFileName() + ".new");
    Files.write(fresh, state);
    Files.move(fresh, file, StandardCopyOption.ATOMIC_MOVE);
  }

  private static Svr2Client client(Transport transport, Path pinFile, String credentials)
      throws Exception {
    Pins pins = Pins.parse(Files.readString(pinFile));
    return Svr2Client.builder()
        .transport(transport)
        .credentials(Credentials.parse(credentials))
        .pins(pins)
        .allowSimulated(!pins.isProtected()) // For `make run`; leave this line out.
        .build();
  }
}
