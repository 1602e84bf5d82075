/// The texts that answers are held against.
enum Golden {
    static let paymentIntent = """
        {
          "id": "pi_0a0BBBBBBBBBBBBBB",
          "object": "payment_intent",
          "amount": 1000,
          "amount_capturable": 0,
          "amount_details": {
            "tip": {}
          },
          "amount_received": 0,
          "application": null,
          "application_fee_amount": null,
          "automatic_payment_methods": null,
          "canceled_at": null,
          "cancellation_reason": null,
          "capture_method": "automatic",
          "client_secret": "pi_0a0BBBBBBBBBBBBBB_secret_Q2xpZW50U2VjcmV0RGF0YQ",
          "confirmation_method": "automatic",
          "created": 1795435200,
          "currency": "usd",
          "customer": null,
          "customer_account": null,
          "description": "Two books",
          "excluded_payment_method_types": null,
          "last_payment_error": {
            "charge": "ch_0a0BBBBBBBBBBBBBB0",
            "code": "card_declined",
            "decline_code": "insufficient_funds",
            "doc_url": "https://stripe.com/docs/error-codes/card-declined",
            "message": "Your card has insufficient funds.",
            "payment_method": {
              "id": "pm_0a0CCCCCCCCCCCCCC",
              "object": "payment_method",
              "allow_redisplay": "unspecified",
              "billing_details": {
                "address": {
                  "city": null,
                  "country": "GB",
                  "line1": null,
                  "line2": null,
                  "postal_code": "W1",
                  "state": null
                },
                "email": "ada@example.com",
                "name": "Ada \\"Countess\\" Lovelace",
                "phone": null,
                "tax_id": null
              },
              "card": {
                "brand": "visa",
                "checks": {
                  "address_line1_check": null,
                  "address_postal_code_check": null,
                  "cvc_check": "unchecked"
                },
                "country": null,
                "display_brand": "visa",
                "exp_month": 8,
                "exp_year": 2030,
                "fingerprint": "AbCdEfGhIjKlMnOp",
                "funding": "credit",
                "generated_from": null,
                "last4": "4242",
                "networks": {
                  "available": [
                    "visa"
                  ],
                  "preferred": null
                },
                "regulated_status": null,
                "three_d_secure_usage": null,
                "wallet": null
              },
              "created": 1795435200,
              "customer": null,
              "customer_account": null,
              "livemode": false,
              "metadata": {},
              "radar_options": {},
              "type": "card"
            },
            "type": "card_error"
          },
          "latest_charge": "ch_0a0BBBBBBBBBBBBBB0",
          "livemode": false,
          "metadata": {
            "order": "6735"
          },
          "next_action": null,
          "on_behalf_of": null,
          "payment_method": null,
          "payment_method_configuration_details": null,
          "payment_method_options": {
            "card": {
              "installments": null,
              "mandate_options": null,
              "network": null,
              "request_three_d_secure": "automatic"
            }
          },
          "payment_method_types": [
            "card"
          ],
          "presentment_details": null,
          "processing": null,
          "receipt_email": "ada@example.com",
          "review": null,
          "setup_future_usage": null,
          "shipping": null,
          "source": null,
          "statement_descriptor": null,
          "statement_descriptor_suffix": "BOOKS",
          "status": "requires_payment_method",
          "transfer_data": null,
          "transfer_group": null
        }

        """

    static let charge = """
        {
          "id": "ch_0a0BBBBBBBBBBBBBB0",
          "object": "charge",
          "amount": 1000,
          "amount_captured": 1000,
          "amount_refunded": 500,
          "application": null,
          "application_fee": null,
          "application_fee_amount": null,
          "authorization_code": "A1B2C3",
          "balance_transaction": {
            "id": "txn_0a0BBBBBBBBBBBBBB0",
            "object": "balance_transaction",
            "amount": 1000,
            "available_on": 1795521602,
            "balance_type": "payments",
            "created": 1795435202,
            "currency": "usd",
            "description": "Two books",
            "exchange_rate": null,
            "fee": 59,
            "fee_details": [
              {
                "amount": 59,
                "application": null,
                "currency": "usd",
                "description": "Payment processing fees",
                "type": "stripe_fee"
              }
            ],
            "net": 941,
            "reporting_category": "charge",
            "source": "ch_0a0BBBBBBBBBBBBBB0",
            "status": "pending",
            "type": "charge"
          },
          "billing_details": {
            "address": {
              "city": null,
              "country": "GB",
              "line1": null,
              "line2": null,
              "postal_code": "W1",
              "state": null
            },
            "email": "ada@example.com",
            "name": "Ada \\"Countess\\" Lovelace",
            "phone": null,
            "tax_id": null
          },
          "calculated_statement_descriptor": null,
          "captured": true,
          "created": 1795435201,
          "currency": "usd",
          "customer": null,
          "description": "Two books",
          "disputed": false,
          "failure_balance_transaction": null,
          "failure_code": null,
          "failure_message": null,
          "fraud_details": {},
          "livemode": false,
          "metadata": {
            "order": "6735"
          },
          "on_behalf_of": null,
          "outcome": {
            "advice_code": null,
            "network_advice_code": null,
            "network_decline_code": null,
            "network_status": "approved_by_network",
            "reason": null,
            "risk_level": "not_assessed",
            "seller_message": "Payment complete.",
            "type": "authorized"
          },
          "paid": true,
          "payment_intent": "pi_0a0BBBBBBBBBBBBBB",
          "payment_method": "pm_0a0CCCCCCCCCCCCCC",
          "payment_method_details": {
            "card": {
              "amount_authorized": 1000,
              "authorization_code": "A1B2C3",
              "brand": "visa",
              "checks": {
                "address_line1_check": null,
                "address_postal_code_check": null,
                "cvc_check": "pass"
              },
              "country": null,
              "exp_month": 8,
              "exp_year": 2030,
              "extended_authorization": {
                "status": "disabled"
              },
              "fingerprint": "AbCdEfGhIjKlMnOp",
              "funding": "credit",
              "incremental_authorization": {
                "status": "unavailable"
              },
              "installments": null,
              "last4": "4242",
              "mandate": null,
              "multicapture": {
                "status": "unavailable"
              },
              "network": "visa",
              "network_token": {
                "used": false
              },
              "network_transaction_id": null,
              "overcapture": {
                "maximum_amount_capturable": 1000,
                "status": "unavailable"
              },
              "regulated_status": null,
              "three_d_secure": null,
              "wallet": null
            },
            "type": "card"
          },
          "presentment_details": null,
          "radar_options": {},
          "receipt_email": "ada@example.com",
          "receipt_number": null,
          "receipt_url": null,
          "refunded": false,
          "refunds": {
            "object": "list",
            "data": [
              {
                "id": "re_0a0BBBBBBBBBBBBBB1",
                "object": "refund",
                "amount": 100,
                "balance_transaction": null,
                "charge": "ch_0a0BBBBBBBBBBBBBB0",
                "created": 1795435205,
                "currency": "usd",
                "destination_details": {
                  "card": {
                    "reference": "00500000002U",
                    "reference_status": "available",
                    "reference_type": "retrieval_reference_number",
                    "type": "refund"
                  },
                  "type": "card"
                },
                "metadata": {},
                "payment_intent": "pi_0a0BBBBBBBBBBBBBB",
                "pending_reason": "processing",
                "reason": null,
                "receipt_number": null,
                "source_transfer_reversal": null,
                "status": "pending",
                "transfer_reversal": null
              },
              {
                "id": "re_0a0BBBBBBBBBBBBBB0",
                "object": "refund",
                "amount": 400,
                "balance_transaction": "txn_0a0BBBBBBBBBBBBBB1",
                "charge": "ch_0a0BBBBBBBBBBBBBB0",
                "created": 1795435203,
                "currency": "usd",
                "destination_details": {
                  "card": {
                    "reference": "00500000002T",
                    "reference_status": "available",
                    "reference_type": "retrieval_reference_number",
                    "type": "refund"
                  },
                  "type": "card"
                },
                "metadata": {
                  "ticket": "12"
                },
                "payment_intent": "pi_0a0BBBBBBBBBBBBBB",
                "reason": "requested_by_customer",
                "receipt_number": null,
                "source_transfer_reversal": null,
                "status": "succeeded",
                "transfer_reversal": null
              }
            ],
            "has_more": false,
            "url": "/v1/charges/ch_0a0BBBBBBBBBBBBBB0/refunds"
          },
          "review": null,
          "shipping": null,
          "source": null,
          "source_transfer": null,
          "statement_descriptor": null,
          "statement_descriptor_suffix": "BOOKS",
          "status": "succeeded",
          "transfer_data": null,
          "transfer_group": null
        }

        """

    static let refund = """
        {
          "id": "re_0a0BBBBBBBBBBBBBB1",
          "object": "refund",
          "amount": 100,
          "balance_transaction": null,
          "charge": "ch_0a0BBBBBBBBBBBBBB0",
          "created": 1795435205,
          "currency": "usd",
          "destination_details": {
            "card": {
              "reference": "00500000002U",
              "reference_status": "available",
              "reference_type": "retrieval_reference_number",
              "type": "refund"
            },
            "type": "card"
          },
          "metadata": {},
          "payment_intent": "pi_0a0BBBBBBBBBBBBBB",
          "pending_reason": "processing",
          "reason": null,
          "receipt_number": null,
          "source_transfer_reversal": null,
          "status": "pending",
          "transfer_reversal": null
        }

        """

    static let paymentMethod = """
        {
          "id": "pm_0a0CCCCCCCCCCCCCC",
          "object": "payment_method",
          "allow_redisplay": "unspecified",
          "billing_details": {
            "address": {
              "city": null,
              "country": "GB",
              "line1": null,
              "line2": null,
              "postal_code": "W1",
              "state": null
            },
            "email": "ada@example.com",
            "name": "Ada \\"Countess\\" Lovelace",
            "phone": null,
            "tax_id": null
          },
          "card": {
            "brand": "visa",
            "checks": {
              "address_line1_check": null,
              "address_postal_code_check": null,
              "cvc_check": "unchecked"
            },
            "country": null,
            "display_brand": "visa",
            "exp_month": 8,
            "exp_year": 2030,
            "fingerprint": "AbCdEfGhIjKlMnOp",
            "funding": "credit",
            "generated_from": null,
            "last4": "4242",
            "networks": {
              "available": [
                "visa"
              ],
              "preferred": null
            },
            "regulated_status": null,
            "three_d_secure_usage": null,
            "wallet": null
          },
          "created": 1795435200,
          "customer": null,
          "customer_account": null,
          "livemode": false,
          "metadata": {
            "source": "web"
          },
          "radar_options": {},
          "type": "card"
        }

        """

    static let list = """
        {
          "object": "list",
          "data": [],
          "has_more": false,
          "url": "/v1/payment_intents"
        }

        """

    static let error = """
        {
          "error": {
            "code": "resource_missing",
            "doc_url": "https://stripe.com/docs/error-codes/resource-missing",
            "message": "No such payment_intent: 'pi_x'",
            "param": "intent",
            "type": "invalid_request_error"
          }
        }

        """
}
