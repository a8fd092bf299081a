// SPDX-License-Identifier: Apache-2.0
package dev.svr2.examples;

import dev.svr2.client.Credentials;
import dev.svr2.client.DeleteResult;
import dev.svr2.client.Pins;
import dev.svr2.client.Svr2Client;
import dev.svr2.client.grpc.GrpcTransport;
import dev.svr2.client.transport.Transport;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.CompletableFuture;

/** Erases what is stored, without waiting for it on this thread. */
public final class Delete {
  private Delete() {}

  /** HOST:PORT, pin file, USER:PASSWORD. */
  public static void main(String[] args) throws Exception {
    System.out.println(delete(args[0], Path.of(args[1]), args[2]).join());
  }

  /** Done when the group answered; the transport is closed behind it. */
  public static CompletableFuture<DeleteResult> delete(
      String target, Path pinFile, String credentials) throws Exception {
    Pins pins = Pins.parse(Files.readString(pinFile));
    Transport transport = GrpcTransport.plaintext(target);
    return Svr2Client.builder()
        .transport(transport)
        .credentials(Credentials.parse(credentials))
        .pins(pins)
        .allowSimulated(!pins.isProtected()) // For `make run`; leave this line out.
        .build()
        .async()
        .delete()
        .whenComplete((result, failure) -> transport.close());
  }
}
