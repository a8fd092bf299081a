// SPDX-License-Identifier: Apache-2.0
//
// A process that looks like a host from outside: its control service tells of a member that votes.
// No enclave, no group; for tests of what starts and watches hosts.
package dev.svr2.host.cluster;

import com.google.protobuf.ByteString;
import dev.svr2.client.testing.EvidenceBuilder;
import dev.svr2.proto.ControlServiceGrpc;
import dev.svr2.proto.CreateGroupCall;
import dev.svr2.proto.CreateGroupResult;
import dev.svr2.proto.GetEvidenceRequest;
import dev.svr2.proto.GetEvidenceResponse;
import dev.svr2.proto.GetStatusRequest;
import dev.svr2.proto.GetStatusResponse;
import dev.svr2.proto.StatusReply;
import io.grpc.netty.NettyServerBuilder;
import io.grpc.stub.StreamObserver;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** {@code StubHost BEHAVIOR --config FILE}. */
final class StubHost extends ControlServiceGrpc.ControlServiceImplBase {
  private static final Pattern CONTROL = Pattern.compile("control:\\s+listen: (\\S+):(\\d+)");
  private static final byte[] KEY = new byte[32];

  private final ByteString peerId;
  private volatile boolean member;

  private StubHost(boolean member) {
    byte[] id = new byte[32];
    new SecureRandom().nextBytes(id);
    peerId = ByteString.copyFrom(id);
    this.member = member;
  }

  /** Behaviors: good, fails (does not start), stubborn (does not end when asked to). */
  public static void main(String[] args) throws IOException {
    String config = Files.readString(Path.of(args[2]));
    if (args[0].equals("fails")) {
      throw new IOException("error: cannot listen on anything");
    }
    if (args[0].equals("stubborn")) {
      Runtime.getRuntime().addShutdownHook(new Thread(StubHost::waitForever));
    }
    Matcher control = CONTROL.matcher(config);
    if (!control.find()) {
      throw new IOException("no control address");
    }
    InetSocketAddress address =
        new InetSocketAddress(control.group(1), Integer.parseInt(control.group(2)));
    var unused =
        NettyServerBuilder.forAddress(address)
            .addService(new StubHost(config.contains("on_start: join")))
            .build()
            .start();
    while (System.in.read() >= 0) {
      // Until whoever started this has ended.
    }
    if (args[0].equals("stubborn")) {
      waitForever();
    }
    Runtime.getRuntime().halt(0);
  }

  private static void waitForever() {
    try {
      new java.util.concurrent.CountDownLatch(1).await();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  @Override
  public void getStatus(GetStatusRequest call, StreamObserver<GetStatusResponse> responses) {
    StatusReply.Builder enclave =
        StatusReply.newBuilder().setPeerId(peerId).setMember(member).setVoting(member);
    if (member) {
      enclave.setGroup(EvidenceBuilder.GROUP);
    }
    responses.onNext(GetStatusResponse.newBuilder().setReady(member).setEnclave(enclave).build());
    responses.onCompleted();
  }

  @Override
  public void createGroup(CreateGroupCall call, StreamObserver<CreateGroupResult> responses) {
    member = true;
    responses.onNext(CreateGroupResult.newBuilder().setGroup(EvidenceBuilder.GROUP).build());
    responses.onCompleted();
  }

  @Override
  public void getEvidence(GetEvidenceRequest call, StreamObserver<GetEvidenceResponse> responses) {
    responses.onNext(
        GetEvidenceResponse.newBuilder()
            .setHandshakeStart(ByteString.copyFrom(new EvidenceBuilder(KEY).handshakeStart()))
            .setHandshake("NKhfs")
            .build());
    responses.onCompleted();
  }
}
