// MerchantAPI
