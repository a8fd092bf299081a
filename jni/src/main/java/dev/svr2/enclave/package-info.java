// SPDX-License-Identifier: Apache-2.0
/**
 * Enclaves as Java objects: load a signed image, call in, receive output, close. What is native is
 * below {@code internal} and no API.
 */
package dev.svr2.enclave;
