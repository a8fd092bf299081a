// SPDX-License-Identifier: Apache-2.0
//
// The client plane over gRPC (proto/…/client_service.proto). Which network implementation carries
// it is the application's choice: grpc-netty, grpc-okhttp on Android.
package dev.svr2.client.grpc;

import dev.svr2.client.Credentials;
import dev.svr2.client.transport.Transport;
import dev.svr2.proto.ClientServiceGrpc;
import dev.svr2.proto.DeleteBackupCall;
import dev.svr2.proto.DeleteBackupResult;
import io.grpc.CallOptions;
import io.grpc.Channel;
import io.grpc.ChannelCredentials;
import io.grpc.ClientCall;
import io.grpc.Grpc;
import io.grpc.InsecureChannelCredentials;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.TlsChannelCredentials;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;

/**
 * Transport over a gRPC channel. gRPC's own retries are off: what may be repeated is decided by the
 * client, which knows what was sent. Thread-safe.
 *
 * @since 0.1
 */
public final class GrpcTransport implements Transport {
  static final Metadata.Key<String> AUTHORIZATION =
      Metadata.Key.of("authorization", Metadata.ASCII_STRING_MARSHALLER);

  /** An item and its protobuf frame, with room to see (and name) one that is too long. */
  private static final int INBOUND_MAX_BYTES = 2 * ITEM_MAX_BYTES;

  private final Channel channel;
  private final ManagedChannel owned;

  private GrpcTransport(Channel channel, ManagedChannel owned) {
    this.channel = channel;
    this.owned = owned;
  }

  /**
   * To a server without TLS. Requests are encrypted to the enclave all the same; the credentials
   * are not, so use this on loopback or behind a proxy that ends TLS.
   *
   * @param target HOST:PORT, or any gRPC target
   */
  public static GrpcTransport plaintext(String target) {
    return connect(target, InsecureChannelCredentials.create());
  }

  /**
   * To a server with TLS and a certificate that the platform trusts.
   *
   * @param target HOST:PORT, or any gRPC target
   */
  public static GrpcTransport tls(String target) {
    return connect(target, TlsChannelCredentials.create());
  }

  /** Over a channel that the caller made, and closes, and has disabled retries on. */
  public static GrpcTransport over(Channel channel) {
    return new GrpcTransport(channel, null);
  }

  private static GrpcTransport connect(String target, ChannelCredentials credentials) {
    ManagedChannel channel = Grpc.newChannelBuilder(target, credentials).disableRetry().build();
    return new GrpcTransport(channel, channel);
  }

  @Override
  public Stream open(Credentials credentials) {
    return new GrpcStream(channel, headers(credentials), INBOUND_MAX_BYTES);
  }

  @Override
  public CompletableFuture<Void> deleteBackup(Credentials credentials, Duration timeout) {
    SentTracer tracer = new SentTracer();
    CallOptions options =
        CallOptions.DEFAULT
            .withDeadlineAfter(timeout.toNanos(), TimeUnit.NANOSECONDS)
            .withStreamTracerFactory(tracer);
    ClientCall<DeleteBackupCall, DeleteBackupResult> call =
        channel.newCall(ClientServiceGrpc.getDeleteBackupMethod(), options);
    DeleteListener listener = new DeleteListener(tracer);
    call.start(listener, headers(credentials));
    call.sendMessage(DeleteBackupCall.getDefaultInstance());
    call.halfClose();
    call.request(2); // One would do; asking for two makes gRPC notice a second one.
    return listener.done();
  }

  private static Metadata headers(Credentials credentials) {
    Metadata headers = new Metadata();
    headers.put(AUTHORIZATION, credentials.authorization());
    return headers;
  }

  /** Closes the channel when this object made it; streams in use end with UNAVAILABLE. */
  @Override
  public void close() {
    if (owned != null) {
      owned.shutdownNow();
    }
  }
}
