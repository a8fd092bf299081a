// SPDX-License-Identifier: Apache-2.0
package dev.svr2.examples;

import dev.svr2.client.Credentials;
import dev.svr2.client.Failure;
import dev.svr2.client.Pins;
import dev.svr2.client.RestoreResult;
import dev.svr2.client.Svr2Client;
import dev.svr2.client.grpc.GrpcTransport;
import dev.svr2.client.pin.Pin;
import dev.svr2.client.transport.Transport;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** Restores a master key, by way of whichever of several replicas answers. */
public final class Restore {
  private Restore() {}

  /** HOST:PORT[,HOST:PORT…], pin file, USER:PASSWORD, PIN. */
  public static void main(String[] args) throws Exception {
    System.out.println(restore(args[0], Path.of(args[1]), args[2], args[3]));
  }

  /** What an application would say. */
  public static String restore(String targets, Path pinFile, String credentials, String typed)
      throws Exception {
    Pins pins = Pins.parse(Files.readString(pinFile));
    List<Transport> transports = new ArrayList<>();
    for (String target : targets.split(",", -1)) {
      transports.add(GrpcTransport.plaintext(target));
    }
    try (Pin pin = Pin.of(typed.toCharArray())) {
      Svr2Client client =
          Svr2Client.builder()
              .transports(transports)
              .credentials(Credentials.parse(credentials))
              .pins(pins)
              .allowSimulated(!pins.isProtected()) // For `make run`; leave this line out.
              .build();
      return client.restore(pin).match(new Words());
    } finally {
      transports.forEach(Transport::close);
    }
  }

  /** One method for each way to end: none can be forgotten. */
  private static final class Words implements RestoreResult.Cases<String> {
    @Override
    public String restored(RestoreResult.Restored result) {
      byte[] masterKey = result.data(); // Use it, then wipe it.
      result.close();
      return "restored " + masterKey.length + " bytes";
    }

    @Override
    public String wrongPin(RestoreResult.WrongPin result) {
      return "wrong PIN, " + result.triesLeft() + " left";
    }

    @Override
    public String nothingThere(RestoreResult.NothingThere result) {
      return "nothing there: " + result.why();
    }

    @Override
    public String notUnwrappable(RestoreResult.NotUnwrappable result) {
      return "the PIN is right, but what is stored was not wrapped with it";
    }

    @Override
    public String serverError(RestoreResult.ServerError result) {
      return "the replica found its memory altered";
    }

    @Override
    public String failed(RestoreResult.Failed result) {
      return result.failure() instanceof Failure.Unknown
          ? "unknown; a guess may be spent, so ask before trying again"
          : "no guess is spent: " + result.failure().text();
    }
  }
}
