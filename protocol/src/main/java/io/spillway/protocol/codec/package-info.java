/** From bytes to kafka-clients' message classes and back, records never copied. */
@NullMarked
package io.spillway.protocol.codec;

import org.jspecify.annotations.NullMarked;
