// SPDX-License-Identifier: Apache-2.0
//
// WebSocket from RFC 6455 on a plain socket, so that every frame is this test's own: cut, pinged,
// dropped.
package dev.svr2.host.e2e.transcript;

import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.net.Socket;
import java.net.URI;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/** For one thread. */
final class WebSocketWire implements Wire {
  private static final int PATIENCE_MS = 30_000;
  private static final int CONTINUATION = 0;
  private static final int BINARY = 2;
  private static final int CLOSE = 8;
  private static final int PING = 9;
  private static final int PONG = 10;
  private static final byte[] MASK = {0x12, 0x34, 0x56, 0x78};

  private final Socket socket;
  private final DataInputStream in;
  private final OutputStream out;

  /** Cuts what is sent into frames of so many bytes; 0 for one frame. */
  int fragmentBytes;

  /** Of the last close frame that came; 0 before. */
  int closeCode;

  /** Payload of the last pong. */
  byte[] pong;

  private final String statusLine;

  private WebSocketWire(URI base, String path, String authorization) throws IOException {
    socket = new Socket(base.getHost(), base.getPort());
    socket.setSoTimeout(PATIENCE_MS);
    in = new DataInputStream(socket.getInputStream());
    out = socket.getOutputStream();
    String request =
        "GET "
            + path
            + " HTTP/1.1\r\nHost: "
            + base.getAuthority()
            + "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            + "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nAuthorization: "
            + authorization
            + "\r\n\r\n";
    out.write(request.getBytes(StandardCharsets.US_ASCII));
    statusLine = line();
    boolean accepted = false;
    for (String line = line(); !line.isEmpty(); line = line()) {
      // RFC 6455 §1.3 gives the answer to this very key.
      accepted |= line.equalsIgnoreCase("sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }
    if (status() == 101 && !accepted) {
      throw new AssertionError("no Sec-WebSocket-Accept, or a wrong one");
    }
  }

  /** Connects; whether it became a WebSocket {@link #status} says. */
  static WebSocketWire open(URI base, String path, String authorization) throws IOException {
    return new WebSocketWire(base, path, authorization);
  }

  /** The HTTP status, 101 for a WebSocket. */
  int status() {
    return Integer.parseInt(statusLine.split(" ", -1)[1]);
  }

  private String line() throws IOException {
    StringBuilder text = new StringBuilder();
    for (int c = in.readUnsignedByte(); c != '\n'; c = in.readUnsignedByte()) {
      if (c != '\r') {
        text.append((char) c);
      }
    }
    return text.toString();
  }

  private void frame(boolean last, int opcode, byte[] data) throws IOException {
    ByteBuffer head = ByteBuffer.allocate(14).put((byte) ((last ? 0x80 : 0) | opcode));
    if (data.length < 126) {
      head.put((byte) (0x80 | data.length));
    } else if (data.length < 65_536) {
      head.put((byte) (0x80 | 126)).putShort((short) data.length);
    } else {
      head.put((byte) (0x80 | 127)).putLong(data.length);
    }
    head.put(MASK);
    byte[] masked = data.clone();
    for (int i = 0; i < masked.length; i++) {
      masked[i] ^= MASK[i % 4];
    }
    out.write(head.array(), 0, head.position());
    out.write(masked);
    out.flush();
  }

  @Override
  public void send(byte[] item) throws IOException {
    int step = fragmentBytes == 0 ? Math.max(1, item.length) : fragmentBytes;
    for (int i = 0; i == 0 || i < item.length; i += step) {
      int end = Math.min(item.length, i + step);
      frame(end == item.length, i == 0 ? BINARY : CONTINUATION, Arrays.copyOfRange(item, i, end));
    }
  }

  void ping(byte[] payload) throws IOException {
    frame(true, PING, payload);
  }

  @Override
  public byte[] receive() throws IOException {
    ByteArrayOutputStream item = new ByteArrayOutputStream();
    while (true) {
      int head = in.readUnsignedByte();
      int length = in.readUnsignedByte();
      if ((length & 0x80) != 0) {
        throw new AssertionError("a server masks nothing");
      }
      long size = length == 126 ? in.readUnsignedShort() : length == 127 ? in.readLong() : length;
      byte[] data = in.readNBytes((int) size);
      switch (head & 0x0f) {
        case CLOSE -> {
          closeCode = data.length < 2 ? 1005 : ByteBuffer.wrap(data).getShort() & 0xffff;
          return null;
        }
        case PING -> frame(true, PONG, data);
        case PONG -> pong = data;
        case BINARY, CONTINUATION -> {
          item.writeBytes(data);
          if ((head & 0x80) != 0) {
            return item.toByteArray();
          }
        }
        default -> throw new AssertionError("a frame of kind " + head);
      }
    }
  }

  @Override
  public void close() throws IOException {
    frame(true, CLOSE, new byte[] {0x03, (byte) 0xe8});
    socket.close();
  }

  @Override
  public void drop() throws IOException {
    socket.setSoLinger(true, 0); // A reset, not a farewell.
    socket.close();
  }
}
