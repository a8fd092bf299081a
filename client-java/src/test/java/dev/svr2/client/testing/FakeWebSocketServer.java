// SPDX-License-Identifier: Apache-2.0
//
// The fake server's sessions over WebSocket, on plain sockets, written from RFC 6455: for tests
// only.
// It answers HTTP as protocol.md §3 says and can be told to misbehave below that.
package dev.svr2.client.testing;

import com.google.protobuf.ByteString;
import dev.svr2.client.internal.Hex;
import dev.svr2.proto.DeleteBackupCall;
import dev.svr2.proto.DeleteBackupResult;
import dev.svr2.proto.SessionItem;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.stub.StreamObserver;
import java.io.DataInputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.URI;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.util.Arrays;
import java.util.Base64;
import java.util.HashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;

/** One thread a connection. Hooks may be replaced at any time. */
public final class FakeWebSocketServer implements AutoCloseable {
  private static final int BINARY = 2;
  private static final int CLOSE = 8;
  private static final int PING = 9;
  private static final int PONG = 10;

  private final FakeServer server;
  private final ServerSocket listener;
  private final Set<Socket> sockets = ConcurrentHashMap.newKeySet();

  /** Answers every request with this status instead; 0 for none. */
  public volatile int httpStatus;

  /** Sends a ping before every item. */
  public volatile boolean pings;

  /** Cuts every item into frames of at most so many bytes; 0 for one frame. */
  public volatile int fragmentBytes;

  /** Sends items as text. */
  public volatile boolean text;

  /** Drops the connection without a close frame where it would close. */
  public volatile boolean dropsInsteadOfClosing;

  /** The close code for a failed session, instead of the one for its status; 0 for none. */
  public volatile int closeCode;

  /** Pongs that came. */
  public final AtomicInteger pongs = new AtomicInteger();

  public FakeWebSocketServer(FakeServer server) {
    this.server = server;
    try {
      listener = new ServerSocket(0, 50, InetAddress.getLoopbackAddress());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    daemon(this::accept, "fake-websocket");
  }

  public URI uri() {
    return URI.create("ws://127.0.0.1:" + listener.getLocalPort());
  }

  private static void daemon(Runnable work, String name) {
    Thread thread = new Thread(work, name);
    thread.setDaemon(true);
    thread.start();
  }

  private void accept() {
    try {
      while (true) {
        Socket socket = listener.accept();
        sockets.add(socket);
        daemon(() -> serve(socket), "fake-websocket-connection");
      }
    } catch (IOException e) {
      close();
    }
  }

  private void serve(Socket socket) {
    try (socket) {
      DataInputStream in = new DataInputStream(socket.getInputStream());
      String[] request = line(in).split(" ", -1);
      Map<String, String> headers = new HashMap<>();
      for (String line = line(in); !line.isEmpty(); line = line(in)) {
        String[] pair = line.split(": *", 2);
        headers.put(pair[0].toLowerCase(Locale.ROOT), pair[1]);
      }
      server.authorization = headers.get("authorization");
      OutputStream out = socket.getOutputStream();
      int status = status(request[0], request[1]);
      if (status != 101) {
        String extra = status == 429 ? "Retry-After: 7\r\n" : "";
        write(out, "HTTP/1.1 " + status + " x\r\n" + extra + "Content-Length: 0\r\n\r\n");
        return;
      }
      write(
          out,
          "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
              + "Sec-WebSocket-Accept: "
              + accept(headers.get("sec-websocket-key"))
              + "\r\n\r\n");
      frames(in, new Wire(socket, out));
    } catch (IOException | GeneralSecurityException e) {
      // The client went away, or the test did.
      return;
    } finally {
      sockets.remove(socket);
    }
  }

  private int status(String method, String path) {
    if (httpStatus != 0) {
      return httpStatus;
    }
    if (server.credentialsRefusal != null) {
      return 401;
    }
    if (method.equals("DELETE") && path.equals("/v1/delete")) {
      return delete();
    }
    boolean known =
        method.equals("GET") && path.equals("/v1/" + Hex.encode(server.evidence.measurement));
    return known ? 101 : 404;
  }

  private int delete() {
    int[] status = {500};
    server.deleteBackup(
        DeleteBackupCall.getDefaultInstance(),
        new StreamObserver<DeleteBackupResult>() {
          @Override
          public void onNext(DeleteBackupResult result) {
            status[0] = 200;
          }

          @Override
          public void onError(Throwable failure) {
            status[0] = closeCode(failure) == 4014 ? 503 : 500;
          }

          @Override
          public void onCompleted() {}
        });
    return status[0];
  }

  private static String accept(String key) throws GeneralSecurityException {
    byte[] both =
        (key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").getBytes(StandardCharsets.US_ASCII);
    return Base64.getEncoder().encodeToString(MessageDigest.getInstance("SHA-1").digest(both));
  }

  private static String line(DataInputStream in) throws IOException {
    StringBuilder out = new StringBuilder();
    for (int c = in.readUnsignedByte(); c != '\n'; c = in.readUnsignedByte()) {
      if (c != '\r') {
        out.append((char) c);
      }
    }
    return out.toString();
  }

  private static void write(OutputStream out, String text) throws IOException {
    out.write(text.getBytes(StandardCharsets.US_ASCII));
    out.flush();
  }

  private void frames(DataInputStream in, Wire wire) throws IOException {
    StreamObserver<SessionItem> session = server.session(wire);
    while (true) {
      int head = in.readUnsignedByte();
      int length = in.readUnsignedByte() & 0x7f;
      long size = length == 126 ? in.readUnsignedShort() : length == 127 ? in.readLong() : length;
      byte[] mask = in.readNBytes(4);
      byte[] data = in.readNBytes((int) size);
      for (int i = 0; i < data.length; i++) {
        data[i] ^= mask[i % 4];
      }
      if ((head & 0x0f) == CLOSE) {
        session.onCompleted();
        return;
      } else if ((head & 0x0f) == PONG) {
        pongs.incrementAndGet();
      } else if (head == (0x80 | BINARY)) {
        session.onNext(SessionItem.newBuilder().setData(ByteString.copyFrom(data)).build());
      } else {
        throw new IOException("a frame that no client of ours sends: " + head);
      }
    }
  }

  private static int closeCode(Throwable failure) {
    Status status = ((StatusRuntimeException) failure).getStatus();
    switch (status.getCode()) {
      case INVALID_ARGUMENT:
        return 4003;
      case UNAVAILABLE:
        return 4014;
      default:
        return 4013;
    }
  }

  /** What the session says, as frames. */
  private final class Wire implements StreamObserver<SessionItem> {
    private final Socket socket;
    private final OutputStream out;

    Wire(Socket socket, OutputStream out) {
      this.socket = socket;
      this.out = out;
    }

    private synchronized void frame(int head, byte[] data) {
      ByteBuffer frame = ByteBuffer.allocate(10 + data.length).put((byte) head);
      if (data.length < 126) {
        frame.put((byte) data.length);
      } else if (data.length < 65_536) {
        frame.put((byte) 126).putShort((short) data.length);
      } else {
        frame.put((byte) 127).putLong(data.length);
      }
      frame.put(data);
      try {
        out.write(frame.array(), 0, frame.position());
        out.flush();
      } catch (IOException e) {
        // The client is gone; the reading side notices.
        return;
      }
    }

    @Override
    public void onNext(SessionItem item) {
      if (pings) {
        frame(0x80 | PING, new byte[] {1, 2, 3});
      }
      byte[] data = item.getData().toByteArray();
      int first = text ? 1 : BINARY;
      int step = fragmentBytes == 0 ? Math.max(1, data.length) : fragmentBytes;
      for (int i = 0; i == 0 || i < data.length; i += step) {
        int end = Math.min(data.length, i + step);
        int opcode = i == 0 ? first : 0;
        frame((end == data.length ? 0x80 : 0) | opcode, Arrays.copyOfRange(data, i, end));
      }
    }

    @Override
    public void onError(Throwable failure) {
      close(closeCode != 0 ? closeCode : closeCode(failure), reason(failure));
    }

    @Override
    public void onCompleted() {
      close(1000, "");
    }

    private void close(int code, String reason) {
      if (!dropsInsteadOfClosing) {
        byte[] text = reason.getBytes(StandardCharsets.UTF_8);
        frame(
            0x80 | CLOSE,
            ByteBuffer.allocate(2 + text.length).putShort((short) code).put(text).array());
      }
      try {
        socket.close();
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }
  }

  private static String reason(Throwable failure) {
    String text = String.valueOf(io.grpc.protobuf.StatusProto.fromThrowable(failure));
    int at = text.indexOf("ERROR_");
    return at < 0 ? "" : text.substring(at, text.indexOf('"', at));
  }

  @Override
  public void close() {
    try {
      listener.close();
      for (Socket socket : sockets) {
        socket.close();
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
