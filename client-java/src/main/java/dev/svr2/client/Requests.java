// SPDX-License-Identifier: Apache-2.0
//
// The five requests as bytes. The secrets in them are never copied anywhere but into the result,
// which the session wipes. Source: protocol.md §2.
package dev.svr2.client;

import com.google.protobuf.UnsafeByteOperations;
import dev.svr2.proto.BackupRequest;
import dev.svr2.proto.DeleteRequest;
import dev.svr2.proto.ExposeRequest;
import dev.svr2.proto.Request;
import dev.svr2.proto.RestoreRequest;
import dev.svr2.proto.TriesRequest;

/** Makers of serialized requests. Stateless. */
final class Requests {
  private Requests() {}

  static byte[] backup(byte[] data, byte[] pin, int maxTries) {
    return Request.newBuilder()
        .setBackup(
            BackupRequest.newBuilder()
                .setData(UnsafeByteOperations.unsafeWrap(data))
                .setPin(UnsafeByteOperations.unsafeWrap(pin))
                .setMaxTries(maxTries))
        .build()
        .toByteArray();
  }

  static byte[] expose(byte[] data) {
    return Request.newBuilder()
        .setExpose(ExposeRequest.newBuilder().setData(UnsafeByteOperations.unsafeWrap(data)))
        .build()
        .toByteArray();
  }

  static byte[] restore(byte[] pin) {
    return Request.newBuilder()
        .setRestore(RestoreRequest.newBuilder().setPin(UnsafeByteOperations.unsafeWrap(pin)))
        .build()
        .toByteArray();
  }

  static byte[] tries() {
    return Request.newBuilder().setTries(TriesRequest.getDefaultInstance()).build().toByteArray();
  }

  static byte[] delete() {
    return Request.newBuilder().setDelete(DeleteRequest.getDefaultInstance()).build().toByteArray();
  }
}
