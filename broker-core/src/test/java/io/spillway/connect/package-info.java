/** Connect workers against the broker. */
package io.spillway.connect;
