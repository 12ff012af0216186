/**
 * Configuration: one validated record per concern, made from Kafka-style properties. Nothing here
 * starts, opens or logs anything.
 */
@NullMarked
package io.spillway.config;

import org.jspecify.annotations.NullMarked;
